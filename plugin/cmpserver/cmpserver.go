// Package cmpserver serves Argo CD's Config Management Plugin protocol in process: what Argo CD's argocd-cmp-server does
// with a folder on disk and a process for each request.
//
// It executes nothing that a request or a repository asks for, opens no connection, and writes nothing but its socket. It
// answers a request when all of it has been received, with every manifest or with an error. What is shared between
// requests is shared by content, so no request learns anything that it did not send.
package cmpserver

import (
	"cmp"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
	"github.com/tidegate/tidegate/plugin/render"
)

// Options say how to serve. Zero fields take the defaults.
type Options struct {
	// Config is the plugin.yaml.
	Config Config
	// Settings turns the environment of a request, NAME=value, into settings and warnings. Required.
	Settings func(environment []string) (plugin.Settings, []string, error)
	// Environment is the sidecar's own, over which a request's is put.
	Environment []string
	// Log gets a line for each request. Nil: nothing is logged.
	Log *slog.Logger
	// Budget divides the memory; the default assumes a container without a limit.
	Budget Budget
	// Stall is how long a client may send nothing before it is given up (30 s). A client with a deadline has until then for
	// its first message.
	Stall time.Duration
	// Time is how long a request without a deadline may take, and a process that renders (5 min).
	Time time.Duration
	// Hold is how long a render may keep others waiting (10 s). One in this process then goes on without its place; one in a
	// process of its own is stopped, if it did not come to an end the last time either.
	Hold time.Duration
	// Endless is how long a render in this process may run that nobody waits for any more (10 min): only a restart stops it, so
	// that /healthz fails then.
	Endless time.Duration
	// MaxMessage is how many bytes a gRPC message may have (100 MiB).
	MaxMessage int
	// KeepAlive is how often a client may ask whether the connection lives (10 s).
	KeepAlive time.Duration
}

// Server answers Argo CD.
type Server struct {
	protocol.UnimplementedConfigManagementPluginServiceServer
	options   Options
	own       map[string]string // variables, of Options.Environment
	budget    Budget
	streams   *pool
	trees     *trees
	inProcess *generate.Limited
	generator generate.Generator
	metrics   *metrics
}

const (
	// window is how much of a stream, and of the streams of a connection, gRPC receives ahead of us: memory that no budget
	// counts. Without fixed windows gRPC lets them grow to 16 MiB for a fast client. An archive of 300 KiB took 0.76 ms of CPU
	// with these, as with windows that grow, and 0.85 ms with 64 KiB; with more there was nothing to gain.
	window           = 128 << 10
	connectionWindow = 2 * window
)

// New makes a server. It loads what every render needs, so it takes some milliseconds.
func New(options Options) *Server {
	options = options.orDefaults()
	atOnce := places(runtime.GOMAXPROCS(0), options.Budget.Renders)
	s := &Server{options: options, budget: options.Budget, streams: newPool(options.Budget.Streams, options.Budget.Streams*3/4)}
	s.own = map[string]string{}
	for _, variable := range options.Environment {
		name, value, _ := strings.Cut(variable, "=")
		s.own[name] = value
	}
	s.streams.inTurn = true // who receives or answers is done soon
	kept := store.New(s.budget.Store)
	queue := generate.NewQueue(atOnce)
	s.trees = newTrees(kept, queue, s.budget.Tree, archive.Limits{File: render.DefaultLimits().FileBytes + 1})
	// As many renders again as there are at once may be overdue.
	memory := render.NewMemory(s.budget.Renders, 2*atOnce)
	renderer := render.NewInProcess()
	renderer.Memory = memory
	recalled := func(runner generate.Runner) generate.Generator {
		return generate.Recalled{Store: kept, Next: generate.Kept{Store: kept, Next: runner}}
	}
	s.inProcess = &generate.Limited{
		Next:  recalled(generate.Runner{Renderer: renderer, From: generate.FromRender}),
		Queue: queue, Hold: options.Hold, MaxOverdue: int64(atOnce),
	}
	inChild := &generate.Limited{
		Next: recalled(generate.Runner{
			Renderer: render.Child{Memory: uint64(s.budget.Child), Time: options.Time, Answers: memory}, From: generate.FromChild,
		}),
		Queue: generate.NewQueue(s.budget.Children), Patience: options.Hold, Quick: s.inProcess.Forget,
	}
	// What is known is answered at once; only what has to be rendered is worth unpacking, sharing and queueing for.
	s.generator = generate.Named{Next: generate.Recalled{
		Next:  generate.Unpacked{Next: generate.NewShared(generate.Escalating{InProcess: s.inProcess, InChild: inChild})},
		Store: kept,
	}}
	s.metrics = newMetrics(s, inChild)
	return s
}

// renderBytes is what a render in this process should have: overlays of some hundred objects have 10,000 YAML nodes, of 600
// bytes each for kustomize.
const renderBytes = 8 << 20

// places is how many renders there are at once in this process: one for each core, as far as there is memory for them.
func places(cores int, renders int64) int {
	if renders <= 0 {
		return cores
	}
	return int(min(int64(cores), max(1, renders/renderBytes)))
}

func (o Options) orDefaults() Options {
	if o.Budget == (Budget{}) {
		o.Budget = Divide(0)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Stall = cmp.Or(o.Stall, 30*time.Second)
	o.Time = cmp.Or(o.Time, 5*time.Minute)
	o.Hold = cmp.Or(o.Hold, 10*time.Second)
	o.Endless = cmp.Or(o.Endless, 10*time.Minute)
	o.MaxMessage = cmp.Or(o.MaxMessage, 100<<20)
	o.KeepAlive = cmp.Or(o.KeepAlive, 10*time.Second)
	return o
}

// GRPC returns a gRPC server that has the service. The limits of messages are those of Argo CD's own server.
func (s *Server) GRPC() *grpc.Server {
	server := grpc.NewServer(
		grpc.Creds(newPlain()),
		grpc.NumStreamWorkers(uint32(2*runtime.GOMAXPROCS(0))), // whose stacks have grown already
		grpc.ForceServerCodecV2(protocol.Codec{}),
		grpc.StreamInterceptor(s.recovered),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.MaxRecvMsgSize(s.options.MaxMessage),
		grpc.MaxSendMsgSize(s.options.MaxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: s.options.KeepAlive}),
	)
	protocol.RegisterConfigManagementPluginServiceServer(server, s)
	return server
}

// recovered makes a mistake in the program one request's error.
func (s *Server) recovered(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			panicked := &generate.PanicError{Dir: "what Argo CD sent", Value: p, Stack: debug.Stack()}
			s.metrics.refused(reason(panicked))
			s.options.Log.Error(panicked.Error(), "call", info.FullMethod, "stack", string(panicked.Stack))
			err = answer(panicked, "")
		}
	}()
	return handler(server, stream)
}
