package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/preview"
	"github.com/tidegate/tidegate/generator/server"
)

var whyFormats = []string{"text", "json"}

func newWhy() *cobra.Command {
	var from sources
	var files []string
	var address, tokenFile, output string
	command := &cobra.Command{
		Use:   "why APPLICATION",
		Short: "Explain why an Application exists with its parameters, or why it does not",
		Long: `Explain why an Application exists with its parameters, or why it does not, and what becomes of it with the next answer:
it stays, comes, waits, is held, or goes.

With --server, a running generator explains, which knows what is live. Without, it is explained from the repository and a
file of clusters.

Exit codes: 0 explained, 1 it could not be explained, 2 the command line is at fault.`,
		Example: `  # Of the generator in a cluster
  kubectl port-forward --namespace argocd service/tidegate-generator 8080:80
  tidegate why payments-api-production --server http://localhost:8080 --token-file token

  # Without a cluster
  tidegate why payments-api-production --clusters-file clusters.yaml`,
		Args: func(c *cobra.Command, args []string) error { return cli.Usage(cobra.ExactArgs(1)(c, args)) },
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(whyFormats, output) {
				return cli.Usage(fmt.Errorf("--output: %q is none of %s", output, strings.Join(whyFormats, ", ")))
			}
			var explanation *guard.Explanation
			var err error
			if address != "" {
				explanation, err = ask(c.Context(), address, tokenFile, args[0])
			} else {
				explanation, err = explainHere(c.Context(), from, files, args[0])
			}
			if err != nil {
				return err
			}
			return writeExplanation(c.OutOrStdout(), explanation, output)
		},
	}
	from.register(command)
	flags := command.Flags()
	flags.StringVar(&address, "server", "", "the address of a running generator, such as http://localhost:8080")
	flags.StringVar(&tokenFile, "token-file", "", "the file of the generator's token; with --server")
	flags.StringArrayVarP(&files, "applicationset", "f", nil, "a file of ApplicationSets; may be repeated; without --server (default: those that Tidegate ships)")
	flags.StringVarP(&output, "output", "o", "text", "how it is shown: "+strings.Join(whyFormats, ", "))
	if err := command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(whyFormats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: a mistake in this program
	}
	return command
}

// explainHere explains from the repository and a file of clusters.
func explainHere(ctx context.Context, from sources, files []string, name string) (*guard.Explanation, error) {
	sets, err := applicationSets(files)
	if err != nil {
		return nil, err
	}
	repository, clusters, closeSources, err := from.openBoth()
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeSources() }()
	return guard.New(guard.Options{Repository: repository, Fleet: clusters, Live: guard.Offline(sets)}).Why(ctx, preview.Namespace, name)
}

// askTime is how long a generator may take to explain.
const askTime = time.Minute

// maxExplanation bounds what is read of an answer.
const maxExplanation = 4 << 20

// ask has a running generator explain.
func ask(ctx context.Context, address, tokenFile, name string) (*guard.Explanation, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		return nil, cli.Usage(fmt.Errorf("--server: %q is not an address such as http://localhost:8080", address))
	}
	if tokenFile == "" {
		return nil, cli.Usage(errors.New("--token-file is missing: the generator answers only those who have its token"))
	}
	token, err := server.TokenFile(tokenFile).Token()
	if err != nil {
		return nil, cli.Usage(err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(server.WhyPath, url.PathEscape(name)).String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	// The standard transport is shut, so that no render reaches out.
	response, err := (&http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}).Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxExplanation))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", request.URL, response.Status, messageOf(body))
	}
	explanation := &guard.Explanation{}
	if err := json.Unmarshal(body, explanation); err != nil {
		return nil, fmt.Errorf("%s: %w", request.URL, err)
	}
	return explanation, nil
}

// messageOf is what an error of the generator says.
func messageOf(body []byte) string {
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		return said.Message
	}
	return string(bytes.TrimSpace(body))
}

// states say what a state means to a person.
var states = map[guard.State]string{
	guard.Demanded: "is demanded", guard.Stays: "stays", guard.Comes: "comes with the next answer", guard.Waits: "waits", guard.Held: "is held",
	guard.Goes: "goes with the next answer", guard.Going: "is being deleted", guard.Frozen: "stays as it is", guard.Absent: "does not exist",
}

func writeExplanation(out io.Writer, e *guard.Explanation, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s", e.Application, states[e.State])
	if e.ApplicationSet != "" {
		fmt.Fprintf(&text, ", of the ApplicationSet %s", e.ApplicationSet)
	}
	fmt.Fprintln(&text, ":")
	for _, why := range e.Why {
		fmt.Fprintln(&text, "  - "+strings.ReplaceAll(why, "\n", "\n    "))
	}
	if e.Do != "" {
		fmt.Fprintf(&text, "\nTo let it go:\n  %s\n", e.Do)
	}
	if e.Parameters != nil {
		written, err := yaml.Marshal(e.Parameters)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "\nIts parameters:\n  %s\n", strings.ReplaceAll(strings.TrimSpace(string(written)), "\n", "\n  "))
	}
	_, err := out.Write(text.Bytes())
	return err
}
