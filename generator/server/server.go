// Package server answers Argo CD's ApplicationSet controller over HTTP: routes, the token, limits, metrics, logs.
//
// It decides nothing about Applications. It never sends a part of an answer, and never a success that is not a full
// answer: Argo CD would take either for fewer Applications, and delete the rest. It writes no token to a log or a message.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate/tidegate/generator"
)

// Path is where Argo CD's plugin generator sends its requests (argo-cd applicationset/services/plugin).
const Path = "/api/v1/getparams.execute"

// Options say what is served.
type Options struct {
	Answerer generator.Answerer
	// Token is what requests must carry.
	Token Token
	// Log gets a line per request. Nil: nothing is logged.
	Log    *slog.Logger
	Limits Limits
	// Version is told in the metrics.
	Version string
	// Collectors are served with the metrics.
	Collectors []prometheus.Collector
	// Why explains an Application, or sums all of them up if the name is empty: what WhyPath answers. Nil: this server cannot.
	Why func(ctx context.Context, application string) (any, error)
	// Webhook takes what a forge sends to WebhookPath. It verifies signatures and refuses methods itself. Nil: there is no such path.
	Webhook http.Handler
	// Doubts are why what is known may not be the truth; readiness tells them. It may be nil.
	Doubts func() []string
}

// WhyPath, with an Application's name below it, tells why it is there or why it is not; without one, what becomes of all of
// them. It needs the token.
const WhyPath = "/api/v1/why"

// WebhookPath is where forges send what was pushed.
const WebhookPath = "/webhook"

// Limits bound what a client may cost. Zero is the default.
type Limits struct {
	// Body is the largest request, in bytes. An ApplicationSet's input is small: 1 MiB.
	Body int64
	// Receive is how long a client may take to send a request: 10 s.
	Receive time.Duration
	// Answer is how long an answer may take to be worked out: 2 min. Argo CD waits 30 s unless its ConfigMap says more,
	// but what was learnt for an answer that came too late makes the next one quick.
	Answer time.Duration
	// Send is how long a client may take to receive an answer: 1 min.
	Send time.Duration
	// Drain is how long connections are still accepted after the end has been announced by not being ready.
	Drain time.Duration
	// Shutdown is how long answers in flight may take at the end: 30 s.
	Shutdown time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Body == 0 {
		l.Body = 1 << 20
	}
	for _, limit := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&l.Receive, 10 * time.Second}, {&l.Answer, 2 * time.Minute}, {&l.Send, time.Minute}, {&l.Shutdown, 30 * time.Second},
	} {
		if *limit.value == 0 {
			*limit.value = limit.standard
		}
	}
	return l
}

// Server is the HTTP side of the generator.
type Server struct {
	answerer generator.Answerer
	token    Token
	log      *slog.Logger
	limits   Limits
	metrics  *metrics
	router   *mux.Router
	doubts   func() []string

	// answered is whether the repository and the clusters could ever be read.
	answered atomic.Bool
	first    firstRead
	stopping atomic.Bool
}

// New returns a server; ServeHTTP answers at once, Serve listens and ends gracefully.
func New(options Options) *Server {
	s := &Server{
		answerer: options.Answerer,
		token:    options.Token,
		log:      options.Log,
		limits:   options.Limits.withDefaults(),
		doubts:   options.Doubts,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.metrics = newMetrics(options.Version)
	s.metrics.registry.MustRegister(options.Collectors...)
	// A cleaned path is a redirect, after which Argo CD's client would come back with a GET.
	s.router = mux.NewRouter().SkipClean(true)
	s.router.Handle(Path, s.execute()).Methods(http.MethodPost)
	s.router.HandleFunc("/healthz", s.healthz).Methods(http.MethodGet, http.MethodHead)
	s.router.HandleFunc("/readyz", s.readyz).Methods(http.MethodGet, http.MethodHead)
	s.router.Handle("/metrics", s.metrics.handler()).Methods(http.MethodGet, http.MethodHead)
	for _, path := range []string{WhyPath, WhyPath + "/{application}"} {
		s.router.Handle(path, s.why(options.Why)).Methods(http.MethodGet, http.MethodHead)
	}
	if options.Webhook != nil {
		s.router.Handle(WebhookPath, s.inTime(options.Webhook))
	}
	s.router.NotFoundHandler = http.HandlerFunc(notFound)
	s.router.MethodNotAllowedHandler = http.HandlerFunc(methodNotAllowed)
	return s
}

// ServeHTTP serves one request. A panic ends its connection, and is logged.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("panic", "path", r.URL.Path, "error", fmt.Sprint(cause), "stack", string(debug.Stack()))
			panic(http.ErrAbortHandler)
		}
	}()
	s.router.ServeHTTP(w, r)
}

// inTime has a request received within the limit, whoever reads it.
func (s *Server) inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.limits.Receive))
		next.ServeHTTP(w, r)
	})
}
