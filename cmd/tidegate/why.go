package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/preview"
)

var whyFormats = []string{"text", "json"}

// whyFlags say who explains: a running generator, or this program from files.
type whyFlags struct {
	from    sources
	files   []string
	running running
}

func newWhy() *cobra.Command {
	var f whyFlags
	var output string
	command := &cobra.Command{
		Use:   "why [APPLICATION]",
		Short: "Explain why an Application exists with its parameters, or why it does not",
		Long: `Explain why an Application exists with its parameters, or why it does not, and what becomes of it with the next answer:
it stays, comes, waits, is held, or goes. Without a name, list those that do not simply stay.

With --server, a running generator explains, which knows what is live. Without, it is explained from the repository and a
file of clusters.

Exit codes: 0 explained, 1 it could not be explained, 2 the command line is at fault.`,
		Example: `  # Of the generator in a cluster
  kubectl port-forward --namespace argocd service/tidegate-generator 8080:80
  tidegate why payments-api-production --server http://localhost:8080 --token-file token

  # What is held, waits or gets no answer
  tidegate why --server http://localhost:8080 --token-file token

  # Without a cluster
  tidegate why payments-api-production --clusters-file clusters.yaml`,
		Args: func(c *cobra.Command, args []string) error { return cli.Usage(cobra.MaximumNArgs(1)(c, args)) },
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(whyFormats, output) {
				return cli.Usage(fmt.Errorf("--output: %q is none of %s", output, strings.Join(whyFormats, ", ")))
			}
			return f.explain(c.Context(), c.OutOrStdout(), args, output == "json")
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return f.names(c.Context()), cobra.ShellCompDirectiveNoFileComp
		},
	}
	f.from.register(command)
	f.running.register(command)
	flags := command.Flags()
	flags.StringArrayVarP(&f.files, "applicationset", "f", nil, "a file of ApplicationSets; may be repeated; without --server (default: those that Tidegate ships)")
	flags.StringVarP(&output, "output", "o", "text", "how it is shown: "+strings.Join(whyFormats, ", "))
	if err := command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(whyFormats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: a mistake in this program
	}
	return command
}

// explain explains the Application that is named, or all.
func (f *whyFlags) explain(ctx context.Context, out io.Writer, names []string, asJSON bool) error {
	if len(names) == 0 {
		all, err := f.overview(ctx)
		if err != nil {
			return err
		}
		return write(out, all, writeOverview, asJSON)
	}
	one, err := f.why(ctx, names[0])
	if err != nil {
		return err
	}
	return write(out, one, writeExplanation, asJSON)
}

func (f *whyFlags) why(ctx context.Context, name string) (explanation *guard.Explanation, err error) {
	if f.running.address != "" {
		explanation = &guard.Explanation{}
		return explanation, f.running.ask(ctx, name, explanation)
	}
	err = f.here(ctx, func(g *guard.Guard) error {
		explanation, err = g.Why(ctx, preview.Namespace, name)
		return err
	})
	return explanation, err
}

func (f *whyFlags) overview(ctx context.Context) (all []guard.Summary, err error) {
	if f.running.address != "" {
		return all, f.running.ask(ctx, "", &all)
	}
	err = f.here(ctx, func(g *guard.Guard) error {
		all, err = g.Overview(ctx, preview.Namespace)
		return err
	})
	return all, err
}

// here has the repository and a file of clusters explain.
func (f *whyFlags) here(ctx context.Context, do func(*guard.Guard) error) error {
	sets, err := applicationSets(f.files)
	if err != nil {
		return err
	}
	repository, clusters, closeSources, err := f.from.openBoth()
	if err != nil {
		return err
	}
	defer func() { _ = closeSources() }()
	return do(guard.New(guard.Options{Repository: repository, Fleet: clusters, Live: guard.Offline(sets)}))
}

// completionTime is how long somebody waits for a completion.
const completionTime = 2 * time.Second

// names are those of all Applications, with what becomes of them: for completion, which says nothing of errors.
func (f *whyFlags) names(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	all, err := f.overview(ctx)
	if err != nil {
		return nil
	}
	var out []string
	for _, set := range all {
		for _, e := range set.Applications {
			out = append(out, cobra.CompletionWithDesc(e.Application, states[e.State]))
		}
	}
	return out
}

// write writes something in one piece.
func write[T any](out io.Writer, what T, asText func(io.Writer, T) error, asJSON bool) error {
	var text strings.Builder
	encode := asText
	if asJSON {
		encode = func(out io.Writer, what T) error {
			encoder := json.NewEncoder(out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(what)
		}
	}
	if err := encode(&text, what); err != nil {
		return err
	}
	_, err := io.WriteString(out, text.String())
	return err
}
