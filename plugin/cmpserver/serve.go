package cmpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// Endpoints say where a server is found.
type Endpoints struct {
	// Socket is the path of the unix socket.
	Socket string
	// HTTP is the address of /healthz, /readyz and /metrics; empty: they are not served.
	HTTP string
	// Profile adds /debug/pprof/.
	Profile bool
	// Drain is how long to wait for requests that run when the context ends.
	Drain time.Duration
}

// Serve serves until the context ends and what runs then is answered.
func (s *Server) Serve(ctx context.Context, at Endpoints) error {
	listener, err := Listen(at.Socket)
	if err != nil {
		return err
	}
	server := s.GRPC()
	states := &states{Server: health.NewServer(), served: ctx}
	states.SetServingStatus(protocol.ConfigManagementPluginService_ServiceDesc.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, states)
	var ready atomic.Bool
	ready.Store(true)
	failed := make(chan error, 2)
	if at.HTTP != "" {
		web, err := net.Listen("tcp", at.HTTP)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		side := sideServer(s.sideDoor(&ready, at.Profile))
		defer side.Close()
		go func() {
			if err := side.Serve(web); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	go func() { failed <- server.Serve(listener) }()
	s.options.Log.Info("serving", "socket", at.Socket, "http", at.HTTP, "store_mib", s.budget.Store>>20,
		"streams_mib", s.budget.Streams>>20, "children", s.budget.Children, "child_mib", s.budget.Child>>20)
	select {
	case err := <-failed:
		server.Stop()
		return err
	case <-ctx.Done():
	}
	ready.Store(false)
	states.Shutdown()
	s.options.Log.Info("asked to end", "drain", at.Drain)
	drain(server, at.Drain)
	return nil
}

// states are what grpc.health is asked for.
type states struct {
	*health.Server
	// served ends when the server is asked to end: a Watch has no end of its own, and would be waited for.
	served context.Context
}

// Watch tells of changes until the client goes, or the server is asked to end.
func (s *states) Watch(request *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.served, cancel)()
	return s.Server.Watch(request, watch{stream, ctx})
}

// watch is a stream with an end of its own.
type watch struct {
	grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]
	ctx context.Context
}

func (w watch) Context() context.Context { return w.ctx }

// drain answers what runs and takes nothing new; what takes longer is cut off.
func drain(server *grpc.Server, wait time.Duration) {
	timer := time.AfterFunc(wait, server.Stop)
	defer timer.Stop()
	server.GracefulStop()
}

// sideServer serves what is small and quick, so that whoever is slow is cut off. Profiles take as long as they are asked
// to: net/http/pprof adds that to the write timeout.
func sideServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
}

// sideDoor is what a kubelet and Prometheus ask for.
func (s *Server) sideDoor(ready *atomic.Bool, profile bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", s.metrics.handler())
	if profile {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// healthz fails when nothing but a restart helps.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	endless := s.inProcess.Endless(s.options.Endless)
	if endless == nil {
		fmt.Fprintln(w, "ok")
		return
	}
	s.options.Log.Error(endless.Error(), "application", endless.Asker, "path", endless.Dir)
	http.Error(w, endless.Error(), http.StatusServiceUnavailable)
}

// Listen listens on a unix socket, in the place of one that a crashed predecessor has left. That nobody listens on
// it is certain only where the connection is refused: a server whose queue is full, or that we may not connect to, is
// none that has crashed. Everything else is left alone.
func Listen(path string) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&os.ModeSocket == 0:
		return nil, fmt.Errorf("%s is in the way, and is no socket", path)
	default:
		conn, err := net.Dial("unix", path)
		switch {
		case err == nil:
			return nil, errors.Join(fmt.Errorf("another plugin server serves on %s", path), conn.Close())
		case !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("%s may be another plugin server's: end that one, or remove the socket if there is none: %w", path, err)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}
