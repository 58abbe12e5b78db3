package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// healthz says that the process serves.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = sendJSON(w, http.StatusOK, []byte("{\"status\":\"alive\"}\n"))
}

// readyz says whether requests shall come here. A replica that has never read the repository and the clusters has nothing
// to offer. Afterwards one that cannot read them still gives better errors than a refused connection, so it stays ready
// until it ends.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		failed(http.StatusServiceUnavailable, "shutting down").send(w)
		return
	}
	if !s.answered.Load() {
		if err := s.read(r.Context()); err != nil {
			failed(http.StatusServiceUnavailable, "not ready yet: %v", err).send(w)
			return
		}
	}
	detail := readiness{Status: "ready"}
	if s.doubts != nil {
		detail.Doubts = s.doubts()
	}
	body, err := json.Marshal(detail)
	if err != nil {
		panic(err) // strings can always be marshalled
	}
	_, _ = sendJSON(w, http.StatusOK, append(body, '\n'))
}

// readiness is what readyz says of a server that is ready. One in doubt is: it holds what is live.
type readiness struct {
	Status string   `json:"status"`
	Doubts []string `json:"doubts,omitempty"`
}

// firstRead is the reading of everything that makes the first answer slow. Those who wait for it share it, and it goes on
// when they do not wait: a probe has a second.
type firstRead struct {
	mu      sync.Mutex
	running chan struct{}
	err     error
}

// read waits until everything has been read once.
func (s *Server) read(ctx context.Context) error {
	first := &s.first
	first.mu.Lock()
	if first.running == nil {
		first.running = make(chan struct{})
		go s.readOnce(context.WithoutCancel(ctx), first.running)
	}
	running := first.running
	first.mu.Unlock()
	select {
	case <-running:
	case <-ctx.Done():
		return errors.New("the repository is being read")
	}
	if s.answered.Load() {
		return nil
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	return first.err
}

func (s *Server) readOnce(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Answer)
	defer cancel()
	_, err := s.token.Token()
	if err == nil {
		_, err = s.answer(ctx, generator.Request{})
	}
	// A refusal was worked out: repository and clusters are known.
	var refusal *params.Refusal
	if err == nil || errors.As(err, &refusal) {
		s.answered.Store(true)
	} else {
		s.log.Error("not ready", "error", err)
	}
	s.first.mu.Lock()
	s.first.running, s.first.err = nil, err
	s.first.mu.Unlock()
	close(done)
}
