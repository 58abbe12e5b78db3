package main

import (
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

func newGenerator() *cobra.Command {
	var from sources
	var listen, tokenFile, logFormat, logLevel string
	limits := server.Limits{}
	command := &cobra.Command{
		Use:   "generator",
		Short: "Serve Argo CD's plugin generator: the parameters of every Application",
		Long: `Serve POST /api/v1/getparams.execute, which Argo CD's ApplicationSet controller asks: one parameter set for each
service, environment and cluster. The repository and the file of clusters are read again when they change.

An answer is whole or an error with a message, which Argo CD shows in the ApplicationSet's status; it then keeps the
Applications that exist. /healthz, /readyz and /metrics need no token. Logs go to stderr.

On SIGTERM it becomes unready, goes on for --drain, and finishes the answers in flight.`,
		Example: `  tidegate generator --repo-dir . --clusters-file clusters.yaml --token-file token`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := newLog(c.ErrOrStderr(), logFormat, logLevel)
			if err != nil {
				return cli.Usage(err)
			}
			if tokenFile == "" {
				return cli.Usage(errors.New("--token-file is missing: without a token anybody could ask"))
			}
			token := server.TokenFile(tokenFile)
			if _, err := token.Token(); err != nil {
				return cli.Usage(err)
			}
			answerer, closeSources, err := from.open()
			if err != nil {
				return err
			}
			defer func() { _ = closeSources() }()
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return cli.Usage(err)
			}
			ctx, stop := cli.UntilSignal(c.Context())
			defer stop()
			return server.New(server.Options{
				Answerer: answerer, Token: token, Log: log, Limits: limits, Version: cli.Version,
			}).Serve(ctx, listener)
		},
	}
	from.register(command)
	flags := command.Flags()
	flags.StringVar(&listen, "listen", ":8080", "the address to listen on")
	flags.StringVar(&tokenFile, "token-file", "", "the file of the bearer token, read for every request")
	flags.StringVar(&logFormat, "log-format", "json", "how logs are written: json or text")
	flags.StringVar(&logLevel, "log-level", "info", "what is logged: debug, info, warn or error")
	flags.Int64Var(&limits.Body, "max-request-bytes", 1<<20, "the largest request")
	flags.DurationVar(&limits.Receive, "receive-timeout", 10*time.Second, "how long a client may take to send a request")
	flags.DurationVar(&limits.Answer, "answer-timeout", 2*time.Minute, "how long an answer may take to be worked out")
	flags.DurationVar(&limits.Send, "send-timeout", time.Minute, "how long a client may take to receive an answer")
	flags.DurationVar(&limits.Drain, "drain", 5*time.Second, "how long connections are accepted after SIGTERM")
	flags.DurationVar(&limits.Shutdown, "shutdown-timeout", 30*time.Second, "how long answers in flight may take after that")
	return command
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
