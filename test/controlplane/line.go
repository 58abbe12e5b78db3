package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Line stands between Argo CD and the generator. It passes on the first half of an answer, and the second when it may.
type Line struct {
	stack     *Stack
	generator string

	mu sync.Mutex
	// held is closed when second halves may pass; nil when nothing is held.
	held chan struct{}
	// halves is told when Argo CD has a first half of which the second is held.
	halves chan struct{}
}

// RequestTimeout is how many seconds Argo CD waits for an answer through a Line: fewer than the minute of the manifests.
const RequestTimeout = "10"

// OpenLine puts a Line between Argo CD and the generator, through which everything passes at first.
func (s *Stack) OpenLine(ctx context.Context) (*Line, error) {
	line := &Line{stack: s, generator: s.Tidegate.GeneratorURL, halves: make(chan struct{}, 1)}
	server := httptest.NewServer(line)
	s.run.atEnd(func() error {
		line.Release()
		server.Close()
		return nil
	})
	return line, s.Staging.ApplyFile(ctx, "manifests/generator-config.yaml",
		"http://tidegate-generator.argocd.svc", server.URL, `requestTimeout: "60"`, fmt.Sprintf("requestTimeout: %q", RequestTimeout))
}

// Close has Argo CD ask the generator itself again, and wait as long as the manifests say. What it still asks through the
// line passes.
func (l *Line) Close(ctx context.Context) error {
	l.Release()
	return l.stack.Staging.ApplyFile(ctx, "manifests/generator-config.yaml", "http://tidegate-generator.argocd.svc", l.generator)
}

// Hold keeps second halves back.
func (l *Line) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(chan struct{})
	}
}

// Release lets second halves pass, those too that were held back and that Argo CD still waits for.
func (l *Line) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

// Half waits until Argo CD has got the first half of an answer.
func (l *Line) Half(ctx context.Context) error {
	select {
	case <-l.halves:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no request of Argo CD: %w", ctx.Err())
	}
}

func (l *Line) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	answer, err := l.ask(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", answer.header.Get("Content-Type"))
	w.Header().Set("Content-Length", fmt.Sprint(len(answer.body)))
	w.WriteHeader(answer.status)
	half := len(answer.body) / 2
	// Argo CD may have hung up; nothing is to be done about it.
	_, _ = w.Write(answer.body[:half])
	if held != nil {
		_ = http.NewResponseController(w).Flush()
		l.wait(request.Context(), held)
	}
	_, _ = w.Write(answer.body[half:])
}

// wait waits until second halves may pass, or Argo CD has hung up.
func (l *Line) wait(ctx context.Context, held <-chan struct{}) {
	select {
	case l.halves <- struct{}{}:
	default: // nobody has asked about the one before
	}
	select {
	case <-held:
	case <-ctx.Done():
	}
}

// answer is what the generator said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (l *Line) ask(request *http.Request) (*answer, error) {
	passed, err := http.NewRequestWithContext(request.Context(), request.Method, l.generator+request.URL.Path, request.Body)
	if err != nil {
		return nil, err
	}
	passed.Header = request.Header.Clone()
	response, err := http.DefaultClient.Do(passed)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it is read to its end, or the error is returned
	body, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header, body}, err
}
