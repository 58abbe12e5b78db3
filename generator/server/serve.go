package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// maxHeader bounds the headers of a request, in bytes.
const maxHeader = 64 << 10

// Serve answers on a listener until the context ends. Then it says that it is not ready, goes on for the time to drain,
// accepts no more connections, finishes the answers in flight, and returns. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.limits.Receive,
		// The last resort: replies set a shorter one.
		WriteTimeout:   s.limits.Receive + s.limits.Answer + s.limits.Send,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: maxHeader,
		// What is left for the HTTP server to say is about connections that never became requests.
		ErrorLog: log.New(io.Discard, "", 0),
		// Its own answer to "OPTIONS *" is a success without a body.
		DisableGeneralOptionsHandler: true,
	}
	s.log.Info("listening", "address", listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.log.Info("shutting down", "drain", s.limits.Drain, "limit", s.limits.Shutdown)
	if err := s.drain(served); err != nil {
		return err
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.Shutdown)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		_ = server.Close()
		return fmt.Errorf("answers in flight were cut off after %s: %w", s.limits.Shutdown, err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain lets those who have not heard of the end yet still connect.
func (s *Server) drain(served <-chan error) error {
	timer := time.NewTimer(s.limits.Drain)
	defer timer.Stop()
	select {
	case err := <-served:
		return err
	case <-timer.C:
		return nil
	}
}
