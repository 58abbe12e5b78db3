package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator/server"
)

// generatorFlags are those of the generator, whatever it answers from.
type generatorFlags struct {
	from    sources
	cluster clusterFlags

	listen, tokenFile   string
	logFormat, logLevel string
	limits              server.Limits
}

func newGenerator() *cobra.Command {
	var f generatorFlags
	command := &cobra.Command{
		Use:   "generator",
		Short: "Serve Argo CD's plugin generator: the parameters of every Application",
		Long: `Serve POST /api/v1/getparams.execute, which Argo CD's ApplicationSet controller asks: one parameter set for each
service, environment and cluster.

Beside Argo CD it reads the clusters from Argo CD's cluster Secrets and the repository from a mirror of its own
(--repo-url), with the credentials that Argo CD has for it. It compares what they demand with the Applications that are
live, holds those that would go by accident, lets new ones in by steps, has Argo CD ask when its answer would be another,
and ends syncs that block their own fix. With --clusters-file it knows no cluster, and answers what the files say.

An answer is whole or an error with a message, which Argo CD shows in the ApplicationSet's status; it then keeps the
Applications that exist. /healthz, /readyz and /metrics need no token. Logs go to stderr.

On SIGTERM it becomes unready, goes on for --drain, and finishes the answers in flight.

Exit codes: 0 asked to end, 1 it could not serve, 2 the command line or the environment is at fault.`,
		Example: `  # Beside Argo CD
  tidegate generator --repo-url https://github.com/myorg/gitops-platform --token-file /etc/tidegate/token/token

  # From files, without a cluster
  tidegate generator --repo-dir . --clusters-file clusters.yaml --token-file token`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.from.register(command)
	f.cluster.register(command)
	flags := command.Flags()
	flags.Lookup("revision").Usage = "with --repo-url, the branch (default: the repository's own); of --repo-dir a branch, tag or commit (default: the files as they " +
		"are; of a bare repository, HEAD)"
	flags.StringVar(&f.listen, "listen", ":8080", "the address to listen on")
	flags.StringVar(&f.tokenFile, "token-file", "", "the file of the bearer token, read for every request")
	flags.StringVar(&f.logFormat, "log-format", "json", "how logs are written: json or text")
	flags.StringVar(&f.logLevel, "log-level", "info", "what is logged: debug, info, warn or error")
	flags.Int64Var(&f.limits.Body, "max-request-bytes", 1<<20, "the largest request")
	flags.DurationVar(&f.limits.Receive, "receive-timeout", 10*time.Second, "how long a client may take to send a request")
	flags.DurationVar(&f.limits.Answer, "answer-timeout", 2*time.Minute, "how long an answer may take to be worked out")
	flags.DurationVar(&f.limits.Send, "send-timeout", time.Minute, "how long a client may take to receive an answer")
	flags.DurationVar(&f.limits.Drain, "drain", 5*time.Second, "how long connections are accepted after SIGTERM")
	flags.DurationVar(&f.limits.Shutdown, "shutdown-timeout", 30*time.Second, "how long answers in flight may take after that")
	fromEnvironment(command)
	return command
}

func (f *generatorFlags) run(c *cobra.Command) error {
	log, err := newLog(c.ErrOrStderr(), f.logFormat, f.logLevel)
	if err != nil {
		return cli.Usage(err)
	}
	if f.tokenFile == "" {
		return cli.Usage(errors.New("--token-file is missing: without a token anybody could ask"))
	}
	token := server.TokenFile(f.tokenFile)
	if _, err := token.Token(); err != nil {
		return cli.Usage(err)
	}
	options := server.Options{Token: token, Log: log, Limits: f.limits, Version: cli.Version}
	ctx, stop := cli.UntilSignal(c.Context())
	defer stop()
	if f.from.clustersFile == "" {
		return f.serveCluster(ctx, c, options)
	}
	if unused := given(c, (*clusterFlags).register); unused != "" {
		return cli.Usage(fmt.Errorf("%s is for a generator beside Argo CD, and --clusters-file for one without: leave one of them out", unused))
	}
	log.Warn("nothing is guarded: with --clusters-file Argo CD is not looked at, and it deletes what an answer does not have")
	answerer, closeSources, err := f.from.open()
	if err != nil {
		return err
	}
	defer func() { _ = closeSources() }()
	options.Answerer = answerer
	return f.serve(ctx, options)
}

func (f *generatorFlags) serve(ctx context.Context, options server.Options) error {
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return cli.Usage(err)
	}
	return server.New(options).Serve(ctx, listener)
}

func newLog(out io.Writer, format, level string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is none of debug, info, warn, error", level)
	}
	options.Level = least
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(out, &options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(out, &options)), nil
	}
	return nil, fmt.Errorf("--log-format: %q is none of json, text", format)
}
