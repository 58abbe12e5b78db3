package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/tidegate/tidegate/test/controlplane/process"
)

// Replica is a further generator beside the first one.
type Replica struct {
	*process.Process
	// URL is where it answers.
	URL string
}

// StartReplica starts a further generator, and waits until it is ready. Its log is that of the first one.
func (t *Tidegate) StartReplica(ctx context.Context) (*Replica, error) {
	port, err := t.run.ports.Take()
	if err != nil {
		return nil, err
	}
	args, err := t.stack.generatorArgs()
	if err != nil {
		return nil, err
	}
	args = append(append([]string{"generator", "--token-file=" + t.token, "--log-level=debug", "--drain=0s"}, args...),
		fmt.Sprintf("--listen=127.0.0.1:%d", port), "--mirror-dir="+filepath.Join(t.stack.Dir, fmt.Sprintf("mirror-%d", port)))
	r := &Replica{URL: local("http", port)}
	if r.Process, err = t.run.start(process.Spec{Name: "tidegate-generator", Path: t.Server("tidegate"), Dir: t.dir, Args: args}); err != nil {
		return nil, err
	}
	return r, t.run.until(ctx, "the replica is ready", func(ctx context.Context) error {
		return get(ctx, http.DefaultClient, r.URL+"/readyz")
	})
}

// Replica is the generator that every control plane has.
func (t *Tidegate) Replica() *Replica { return &Replica{Process: t.Generator, URL: t.GeneratorURL} }

// Metric is the sum of a metric over all its labels, or over those that are given.
func (r *Replica) Metric(ctx context.Context, name string, labels map[string]string) (float64, error) {
	return metric(ctx, r.URL, name, labels)
}

// End ends it as a rollout does.
func (r *Replica) End(ctx context.Context) { r.Stop(ctx, stopGrace) }

// Service stands between Argo CD and replicas of the generator, as a Kubernetes Service does: it takes each connection to
// the next replica that accepts it.
type Service struct {
	mu       sync.Mutex
	replicas []string
	next     int
	// cut is closed when what was cut off may be hung up; nil when nothing is cut off.
	cut chan struct{}
	// begun is told when the beginning of an answer has been passed on.
	begun chan struct{}
}

// OpenService puts a Service between Argo CD and replicas.
func (s *Stack) OpenService(ctx context.Context, replicas ...*Replica) (*Service, error) {
	port, err := s.run.ports.Take()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	service := &Service{begun: make(chan struct{}, 1)}
	service.Select(replicas...)
	s.run.atEnd(listener.Close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go service.pass(connection)
		}
	}()
	return service, s.Staging.ApplyFile(ctx, "manifests/generator-config.yaml", "http://tidegate-generator.argocd.svc", local("http", port))
}

// Select says which replicas there are.
func (s *Service) Select(replicas ...*Replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replicas = nil
	for _, replica := range replicas {
		s.replicas = append(s.replicas, replica.URL[len("http://"):])
	}
}

// CutOff has the next answer end after its first part, when HangUp is called.
func (s *Service) CutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = make(chan struct{})
}

// Begun waits until Argo CD has the first part of an answer that is cut off.
func (s *Service) Begun(ctx context.Context) error {
	select {
	case <-s.begun:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no answer to Argo CD: %w", ctx.Err())
	}
}

// HangUp ends what was cut off. What comes then is passed on as a whole.
func (s *Service) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = nil
}

// dial connects to the next replica that accepts.
func (s *Service) dial() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for range s.replicas {
		s.next++
		server, err := net.Dial("tcp", s.replicas[s.next%len(s.replicas)])
		if err == nil {
			return server, nil
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

func (s *Service) pass(connection net.Conn) {
	server, err := s.dial()
	if err != nil {
		_ = connection.Close() // Argo CD sees it
		return
	}
	hangUp := sync.OnceFunc(func() { _ = errors.Join(connection.Close(), server.Close()) })
	go func() {
		defer hangUp()
		_, _ = io.Copy(server, connection)
	}()
	defer hangUp()
	s.answer(connection, server)
}

// part is less than an answer of some Applications.
const part = 4096

func (s *Service) answer(connection, server net.Conn) {
	buffer := make([]byte, part)
	for {
		n, err := server.Read(buffer)
		if n > 0 {
			if _, err := connection.Write(buffer[:n]); err != nil {
				return
			}
			if s.ended() {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// ended tells whether an answer ends here, after HangUp.
func (s *Service) ended() bool {
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	if cut == nil {
		return false
	}
	select {
	case s.begun <- struct{}{}:
	default: // nobody has asked about the one before
	}
	<-cut
	return true
}
