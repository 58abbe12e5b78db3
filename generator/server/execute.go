package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/params"
)

// execute answers Argo CD's plugin generator.
func (s *Server) execute() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		said := &said{}
		s.metrics.inFlight.Inc()
		defer s.metrics.inFlight.Dec()
		said.status, said.bytes, said.err = s.reply(w, r, said)
		said.took = time.Since(start)
		s.metrics.observe(said)
		s.logRequest(r, said)
	})
}

// said is what became of a request.
type said struct {
	request generator.Request
	answer  *generator.Answer
	status  int
	bytes   int
	// err is why there was no answer, or why it did not arrive.
	err  error
	took time.Duration
}

func (f *failure) Error() string { return f.message }

// reply sends the answer, whole, or a failure.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, said *said) (status, bytes int, err error) {
	body, failure := s.work(w, r, said)
	// Without a deadline a client that does not read would keep the answer in memory.
	_ = http.NewResponseController(w).SetWriteDeadline(writeDeadline(s.limits))
	if failure != nil {
		if failure.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="tidegate"`)
		}
		failure.send(w)
		return failure.status, 0, failure
	}
	// Argo CD keeps its connection to one of several replicas. The next request shall reach whichever: the one that has
	// Argo CD ask waits to be asked.
	w.Header().Set("Connection", "close")
	n, err := sendJSON(w, http.StatusOK, body)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err != nil {
		return statusClientGone, n, err
	}
	return http.StatusOK, n, nil
}

func writeDeadline(limits Limits) time.Time { return time.Now().Add(limits.Send) }

// work receives the request and works out the whole answer.
func (s *Server) work(w http.ResponseWriter, r *http.Request, said *said) ([]byte, *failure) {
	if failure := s.authorize(r); failure != nil {
		return nil, failure
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.limits.Receive))
	body, failure := s.receive(w, r)
	if failure != nil {
		return nil, failure
	}
	// From here on reading only serves to notice that the client has left.
	_ = control.SetReadDeadline(time.Time{})
	request, err := decode(body)
	if err != nil {
		return nil, failed(http.StatusBadRequest, "%v", err)
	}
	said.request = request
	ctx, cancel := context.WithTimeout(r.Context(), s.limits.Answer)
	defer cancel()
	answer, err := s.answer(ctx, request)
	if err != nil {
		return nil, s.reason(r.Context(), ctx, err)
	}
	if answer.Empty() {
		return nil, failed(http.StatusServiceUnavailable, "the answer would be empty, and Argo CD would delete every Application")
	}
	s.answered.Store(true)
	said.answer = answer
	return encode(answer)
}

// panicError is a mistake of this program's.
type panicError struct{ cause any }

func (e *panicError) Error() string { return fmt.Sprintf("the generator has failed: %v", e.cause) }

// answer turns a panic into an error: a connection that just ends tells nobody anything.
func (s *Server) answer(ctx context.Context, request generator.Request) (answer *generator.Answer, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("panic", "error", fmt.Sprint(cause), "stack", string(debug.Stack()))
			answer, err = nil, &panicError{cause}
		}
	}()
	return s.answerer.Answer(ctx, request)
}

// reason tells which status an error is.
func (s *Server) reason(client, work context.Context, err error) *failure {
	var input *params.InputError
	var refusal *params.Refusal
	var held *admission.Refusal
	var panicked *panicError
	switch {
	case errors.As(err, &held):
		return failed(held.Status, "%v", err)
	case errors.As(err, &panicked):
		return failed(http.StatusInternalServerError, "%v", err)
	case errors.As(err, &input):
		return failed(http.StatusBadRequest, "%v", err)
	case errors.As(err, &refusal):
		return failed(http.StatusConflict, "%v", err)
	case client.Err() != nil:
		return failed(statusClientGone, "the client left before the answer was ready")
	case errors.Is(work.Err(), context.DeadlineExceeded):
		return failed(http.StatusServiceUnavailable, "the answer was not ready within %s: %v", s.limits.Answer, err)
	}
	return failed(http.StatusServiceUnavailable, "%v", err)
}

// encode marshals the whole answer before its first byte is sent. One that is marshalled already is shared, and only read.
func encode(answer *generator.Answer) ([]byte, *failure) {
	if answer.Body != nil {
		return answer.Body, nil
	}
	result := params.Result{Sets: answer.Sets}
	body, err := json.Marshal(result.Answer())
	if err != nil {
		return nil, failed(http.StatusInternalServerError, "the answer cannot be marshalled: %v", err)
	}
	return append(body, '\n'), nil
}
