package cmpserver

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
)

// blocked is a generator that goes on until it is closed, whatever its context says.
type blocked chan struct{}

func (b blocked) Generate(context.Context, generate.Request) (generate.Result, error) {
	<-b
	return generate.Result{}, nil
}

// A render that has no end, and that nobody waits for, keeps a core for ever if this fails: nobody starts the sidecar anew.
func TestARenderWithoutAnEndIsNoHealth(t *testing.T) {
	var log bytes.Buffer
	s := New(Options{
		Settings: func([]string) (plugin.Settings, []string, error) { return plugin.Defaults(), nil, nil },
		Log:      slog.New(slog.NewTextHandler(&log, nil)), Hold: time.Nanosecond, Endless: time.Nanosecond,
	})
	end := make(blocked)
	s.inProcess.Next = end
	door := s.sideDoor(new(atomic.Bool), false)
	healthz := func() (int, string) {
		got := httptest.NewRecorder()
		door.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		return got.Code, got.Body.String()
	}
	if code, text := healthz(); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	over := make(chan error, 1)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		_, err := s.inProcess.Generate(ctx, generate.Request{Asker: "argocd/endless", Dir: "services/endless"})
		over <- err
	}()
	for _, overdue := s.inProcess.Running(); overdue == 0; _, overdue = s.inProcess.Running() {
		time.Sleep(time.Millisecond)
	}
	if code, text := healthz(); code != http.StatusOK {
		t.Errorf("while somebody waits for it: %d %s", code, text)
	}
	leave()
	if code, text := healthz(); code != http.StatusServiceUnavailable || !strings.Contains(text, "has not ended") {
		t.Errorf("%d %s", code, text)
	}
	if got := log.String(); !strings.Contains(got, "argocd/endless") || !strings.Contains(got, "services/endless") {
		t.Errorf("nobody is told whose it is: %q", got)
	}
	close(end)
	if err := <-over; err != nil {
		t.Error(err)
	}
	if code, text := healthz(); code != http.StatusOK {
		t.Errorf("when it is over: %d %s", code, text)
	}
}
