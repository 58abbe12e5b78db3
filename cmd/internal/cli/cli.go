// Package cli is what the commands of both programs share: exit codes, flags, and how the command line, the environment
// and the file system become one request to package plugin.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/plugin/render"
)

// Exit codes of both programs.
const (
	ExitOK    = 0
	ExitInput = 1 // the repository or the manifests are at fault
	ExitUsage = 2 // the command line or the environment is at fault
)

// Version is set when the programs are linked.
var Version = "dev"

// usageError is an error of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Usage marks an error as one of the command line or the environment.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// Main runs a program: the command that its arguments name, or one render where it was started as a child.
func Main(newCommand func() *cobra.Command) int {
	if render.IsChild() {
		return render.ServeChild()
	}
	// A render allocates a lot and soon ends: collecting less often costs less than the memory it saves.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	stderr := render.Lockdown()
	return Execute(context.Background(), newCommand(), os.Args[1:], os.Stdout, stderr)
}

// UntilSignal returns the context of a command that ends in order: it is done at the first signal to stop, and the second
// kills. Commands that only render do not use it: kustomize cannot be stopped, so the first signal must kill them.
func UntilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Execute runs a command and tells its exit code. The error goes to stderr as it is, the cause first: Argo CD shows it.
func Execute(ctx context.Context, command *cobra.Command, args []string, stdout, stderr io.Writer) int {
	command.SetArgs(args)
	command.SetOut(stdout)
	command.SetErr(stderr)
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nSee '%s --help'", err, c.CommandPath())}
	})
	err := command.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	fmt.Fprintln(stderr, err)
	return exitCode(err)
}

func exitCode(err error) int {
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return ExitUsage
	}
	return ExitInput
}

// OneDir lets a command take at most one argument, the folder of a kustomization.
func OneDir(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return Usage(fmt.Errorf("one folder at a time, not %d\nSee '%s --help'", len(args), c.CommandPath()))
	}
	return nil
}

// NewVersion is the command that prints the versions.
func NewVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and that of the kustomize whose output is reproduced",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "tidegate %s\nkustomize %s\n", Version, render.KustomizeVersion)
			return err
		},
	}
}
