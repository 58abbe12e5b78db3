// Package serve is the command that serves Argo CD's plugin protocol: flags and environment in, one call.
package serve

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/cgroup"
	"github.com/tidegate/tidegate/plugin/policy"
)

// flags are those of the command. The first ones are those of argocd-cmp-server, with its variables.
type flags struct {
	logFormat, logLevel, configDir string
	http                           string
	pprof                          bool
	memory                         int64
	drain                          time.Duration
	traces                         traces
}

// traces are where Argo CD's own server sends traces, and how. This one has none to send.
type traces struct {
	address    string
	insecure   bool
	headers    map[string]string
	attributes []string
}

// New is the command.
func New(floor policy.Level) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve Argo CD's plugin protocol, in the place of argocd-cmp-server",
		Long: `Serve Argo CD's Config Management Plugin protocol on the socket of plugin.yaml's name, below the folder
$ARGOCD_PLUGINSOCKFILEPATH (/home/argocd/cmp-server/plugins without it). Repositories are rendered in memory, and what
several Applications have in common is unpacked and rendered once. What follows "tidegate-plugin render" in the generate
command of plugin.yaml holds here too.

Of the settings of argocd-cmp-server, $ARGOCD_GRPC_MAX_SIZE_MB and $ARGOCD_GRPC_KEEP_ALIVE_MIN are honoured as well. There
are no traces to send: --otlp-* and its variables are taken, and a warning says so.

Exit codes: 0 asked to end, 1 it could not serve, 2 the command line, the environment or plugin.yaml is at fault.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c, floor) },
	}
	set := command.Flags()
	set.StringVar(&f.logFormat, "logformat", env("ARGOCD_CMP_SERVER_LOGFORMAT", "text"), "how the log is written: text or json")
	set.StringVar(&f.logLevel, "loglevel", env("ARGOCD_CMP_SERVER_LOGLEVEL", "info"), "the least that is logged: trace, debug, info, warn or error")
	set.StringVar(&f.configDir, "config-dir-path", "/home/argocd/cmp-server/config", "the folder of plugin.yaml")
	set.StringVar(&f.http, "http-address", ":8090", "where /healthz, /readyz and /metrics are; empty: nowhere")
	set.BoolVar(&f.pprof, "pprof", false, "serve /debug/pprof/ beside them")
	set.Int64Var(&f.memory, "memory", 0, "how many MiB this process and its children may use (default: the container's limit)")
	set.DurationVar(&f.drain, "drain", 20*time.Second, "how long to wait for requests that run when asked to end")
	set.StringVar(&f.traces.address, "otlp-address", env("ARGOCD_CMP_SERVER_OTLP_ADDRESS", ""), "taken, but traces are not sent")
	set.BoolVar(&f.traces.insecure, "otlp-insecure", true, "taken, but traces are not sent")
	set.StringToStringVar(&f.traces.headers, "otlp-headers", nil, "taken, but traces are not sent")
	set.StringSliceVar(&f.traces.attributes, "otlp-attrs", nil, "taken, but traces are not sent")
	return command
}

func (f *flags) run(c *cobra.Command, floor policy.Level) error {
	log, err := logger(c.ErrOrStderr(), f.logFormat, f.logLevel)
	if err != nil {
		return cli.Usage(err)
	}
	config, err := cmpserver.ReadConfig(f.configDir)
	if err != nil {
		return cli.Usage(err)
	}
	settings, err := cli.RenderSettings(config.RenderArguments(), floor)
	if err != nil {
		return cli.Usage(fmt.Errorf("plugin.yaml: spec.generate: %w", err))
	}
	limits := grpcLimits(log)
	if f.traces.address != "" {
		log.Warn("traces are not sent: this server has none, --otlp-address is there for argocd-cmp-server alone", "address", f.traces.address)
	}
	memory := f.memory << 20
	if memory == 0 {
		memory = cgroup.MemoryLimit(os.DirFS("/"))
	}
	budget := cmpserver.Divide(memory)
	tuneCollector(budget)
	server := cmpserver.New(cmpserver.Options{
		Config: config, Settings: settings, Environment: os.Environ(), Log: log, Budget: budget,
		MaxMessage: limits.message, KeepAlive: limits.keepAlive,
	})
	ctx, stop := cli.UntilSignal(c.Context())
	defer stop()
	return server.Serve(ctx, cmpserver.Endpoints{
		Socket: config.Socket(env("ARGOCD_PLUGINSOCKFILEPATH", "/home/argocd/cmp-server/plugins")),
		HTTP:   f.http, Profile: f.pprof, Drain: f.drain,
	})
}

// tuneCollector sets when Go collects garbage. A render leaves a hundred times behind of what is kept, and what is kept is
// little: collecting a quarter as often as Go does by itself took 4.6 ms of CPU for a small render instead of 5.6, and a
// seventh more memory at the peak (make bench-cmp, with GOGC set). Near the budget the limit takes over, which gives way to what
// is in use.
func tuneCollector(budget cmpserver.Budget) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		cmpserver.LimitMemory(budget.Soft, budget.Most)
	}
}

type limits struct {
	message   int
	keepAlive time.Duration
}

// grpcLimits reads the variables of Argo CD's own server. Like it, it takes 100 MiB and 10 s where they are not set, and
// with a warning where they are wrong: what Argo CD starts with, this server does too (argo-cd util/env, ParseNumFromEnv,
// and common, GetGRPCKeepAliveEnforcementMinimum).
func grpcLimits(log *slog.Logger) (l limits) {
	if text := os.Getenv("ARGOCD_GRPC_MAX_SIZE_MB"); text != "" {
		megabytes, err := strconv.Atoi(text)
		switch {
		case err != nil || megabytes < 0 || megabytes > math.MaxInt32:
			log.Warn("ARGOCD_GRPC_MAX_SIZE_MB is no number of MiB; 100 is taken", "value", text)
		case megabytes == 0:
			log.Warn("ARGOCD_GRPC_MAX_SIZE_MB is 0, with which no message could be received; 100 is taken")
		default:
			l.message = megabytes << 20
		}
	}
	if text := os.Getenv("ARGOCD_GRPC_KEEP_ALIVE_MIN"); text != "" {
		interval, err := time.ParseDuration(text)
		if err != nil {
			log.Warn("ARGOCD_GRPC_KEEP_ALIVE_MIN is no duration, such as 10s, which is taken", "value", text)
		}
		l.keepAlive = interval
	}
	return l
}

func logger(out io.Writer, format, level string) (*slog.Logger, error) {
	levels := map[string]slog.Level{
		"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "": slog.LevelInfo,
		"warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError, "panic": slog.LevelError,
	}
	least, ok := levels[strings.ToLower(level)]
	if !ok {
		return nil, fmt.Errorf("--loglevel: %q is none of trace, debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	switch strings.ToLower(format) {
	case "text", "":
		return slog.New(slog.NewTextHandler(out, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, options)), nil
	}
	return nil, fmt.Errorf("--logformat: %q is none of text, json", format)
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
