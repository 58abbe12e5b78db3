package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// dial opens a connection that sends what a test wants.
func (s *running) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func head(length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", Path, token, length)
}

// awaited reads the response that a connection gets.
func awaited(t *testing.T, conn net.Conn) (*http.Response, string) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestASlowClientIsToldAndLetGo(t *testing.T) {
	s := start(t, Options{Limits: Limits{Receive: 20 * time.Millisecond}})
	conn := s.dial(t, head(100)+`{"applicationSetName":`)
	response, body := awaited(t, conn)
	wantMessage(t, response, body, http.StatusRequestTimeout, "the request did not arrive within 20ms")
}

func TestHalfARequestGetsNoSuccess(t *testing.T) {
	s := start(t, Options{})
	conn := s.dial(t, head(100)+`{"applicationSetName":`)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, body := awaited(t, conn)
	wantMessage(t, response, body, statusClientGone, "the client left before its request was complete: unexpected EOF")
}

func TestWhoHalfClosesWhileTheAnswerIsWorkedOutGetsNoSuccess(t *testing.T) {
	s := start(t, Options{Answerer: answererFunc(func(ctx context.Context, _ generator.Request) (*generator.Answer, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	conn := s.dial(t, head(2)+"{}")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, body := awaited(t, conn)
	wantMessage(t, response, body, statusClientGone, "the client left before the answer was ready")
}

func TestNoPathHasAnEmptySuccess(t *testing.T) {
	conn := start(t, Options{}).dial(t, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
	if response, body := awaited(t, conn); response.StatusCode != http.StatusNotFound {
		t.Errorf("%s %q", response.Status, body)
	}
}

func TestAClientThatNeverFinishesItsHeadersIsLetGo(t *testing.T) {
	s := start(t, Options{Limits: Limits{Receive: 20 * time.Millisecond}})
	conn := s.dial(t, "POST "+Path+" HTTP/1.1\r\nHost:")
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestAClientThatDoesNotReadDoesNotKeepItsAnswer(t *testing.T) {
	// More than the buffers of a connection take.
	large := strings.Repeat("x", 16<<20)
	s := start(t, Options{Limits: Limits{Send: 20 * time.Millisecond}, Answerer: answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
		return &generator.Answer{Sets: []params.Set{{Name: large}}}, nil
	})})
	s.dial(t, head(2)+"{}")
	s.logged.await(`msg="client gone"`)
}

func TestNobodyWorksForAClientThatHasLeft(t *testing.T) {
	asked := make(chan struct{})
	s := start(t, Options{Answerer: answererFunc(func(ctx context.Context, _ generator.Request) (*generator.Answer, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	conn := s.dial(t, head(2)+"{}")
	<-asked
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	logged := s.logged.await(`msg="client gone"`)
	if !strings.Contains(logged, "status=499") || !strings.Contains(logged, "the client left before the answer was ready") {
		t.Error(logged)
	}
}

func TestAnAnswerThatTakesTooLongIsAMessage(t *testing.T) {
	s := start(t, Options{Limits: Limits{Answer: time.Millisecond}, Answerer: answererFunc(func(ctx context.Context, _ generator.Request) (*generator.Answer, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("rendering: %w", ctx.Err())
	})})
	response, body := s.ask(t, http.MethodPost, Path, "{}", nil)
	wantMessage(t, response, body, 503, "the answer was not ready within 1ms: rendering: context deadline exceeded")
}

func TestAnswersInFlightAreFinishedAtTheEnd(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	s := start(t, Options{Answerer: answererFunc(func(ctx context.Context, r generator.Request) (*generator.Answer, error) {
		close(asked)
		<-goOn
		return one(ctx, r)
	})})
	conn := s.dial(t, head(2)+"{}")
	<-asked
	s.stop()
	s.logged.await(`msg="shutting down"`)
	close(goOn)
	response, body := awaited(t, conn)
	if response.StatusCode != 200 || response.ContentLength != int64(len(body)) || !strings.Contains(body, "payments-api-staging") {
		t.Errorf("%s %s", response.Status, body)
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerThatNeverComesDoesNotHoldUpTheEnd(t *testing.T) {
	asked := make(chan struct{})
	s := start(t, Options{Limits: Limits{Shutdown: time.Millisecond}, Answerer: answererFunc(func(ctx context.Context, _ generator.Request) (*generator.Answer, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	s.dial(t, head(2)+"{}")
	<-asked
	if err := s.end(); err == nil || err.Error() != "answers in flight were cut off after 1ms: context deadline exceeded" {
		t.Error(err)
	}
}

func TestWhoHasNotHeardOfTheEndIsStillAnswered(t *testing.T) {
	s := start(t, Options{Limits: Limits{Drain: time.Hour}})
	s.stop()
	s.logged.await(`msg="shutting down"`)
	response, body := s.ask(t, http.MethodGet, "/readyz", "", nil)
	wantMessage(t, response, body, 503, "shutting down")
	if response, body := s.ask(t, http.MethodPost, Path, "{}", nil); response.StatusCode != 200 {
		t.Errorf("%s %s", response.Status, body)
	}
	if err := s.cut(); err != nil {
		t.Error(err)
	}
}

func TestReadyOnceEverythingWasRead(t *testing.T) {
	fault := errors.New("tidegate.yaml: no such file")
	s := start(t, Options{Answerer: answererFunc(func(ctx context.Context, r generator.Request) (*generator.Answer, error) {
		if fault != nil {
			return nil, fault
		}
		return one(ctx, r)
	})})
	response, body := s.ask(t, http.MethodGet, "/readyz", "", nil)
	wantMessage(t, response, body, 503, "not ready yet: tidegate.yaml: no such file")
	if response, body = s.ask(t, http.MethodGet, "/healthz", "", nil); response.StatusCode != 200 {
		t.Errorf("not alive: %s %s", response.Status, body)
	}
	fault = nil
	if response, body = s.ask(t, http.MethodGet, "/readyz", "", nil); response.StatusCode != 200 {
		t.Errorf("not ready: %s %s", response.Status, body)
	}
	fault = errors.New("gone again")
	if response, body = s.ask(t, http.MethodGet, "/readyz", "", nil); response.StatusCode != 200 {
		t.Errorf("an error says more than a refused connection: %s %s", response.Status, body)
	}
}

func TestARefusalIsReadyToBeShown(t *testing.T) {
	s := start(t, Options{Answerer: answererFunc(func(context.Context, generator.Request) (*generator.Answer, error) {
		return nil, &params.Refusal{Problems: []string{"environment production: no cluster"}}
	})})
	if response, body := s.ask(t, http.MethodGet, "/readyz", "", nil); response.StatusCode != 200 {
		t.Errorf("not ready: %s %s", response.Status, body)
	}
}

func TestAProbeDoesNotEndTheReadingThatItStarted(t *testing.T) {
	var calls []error
	reading, goOn := make(chan struct{}), make(chan struct{})
	s := New(Options{Token: FixedToken(token), Answerer: answererFunc(func(ctx context.Context, r generator.Request) (*generator.Answer, error) {
		close(reading)
		<-goOn
		calls = append(calls, ctx.Err())
		return one(ctx, r)
	})})
	probe, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error)
	go func() { gaveUp <- s.read(probe) }()
	<-reading
	cancel()
	if err := <-gaveUp; err == nil || err.Error() != "the repository is being read" {
		t.Error(err)
	}
	second := make(chan error)
	go func() { second <- s.read(context.Background()) }()
	close(goOn)
	if err := <-second; err != nil {
		t.Error(err)
	}
	if !cmp.Equal(calls, []error{nil}) {
		t.Errorf("read %d times: %v", len(calls), calls)
	}
}
