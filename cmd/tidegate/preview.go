package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/generator/preview"
	"github.com/tidegate/tidegate/manifests"
)

// previewFlags say what is computed, and how it is shown.
type previewFlags struct {
	from         sources
	options      preview.Options
	files        []string
	output, diff string
}

func newPreview() *cobra.Command {
	var f previewFlags
	command := &cobra.Command{
		Use:   "preview",
		Short: "Show the Applications that Argo CD will create, without a cluster",
		Long: `Show the Applications that this repository and these clusters yield through ApplicationSets: computed by Argo CD's
own code, whose plugin generator asks tidegate's server over a loopback connection.

With --diff, compare them with hand-written Applications, field by field as Argo CD reads them. Fields that only Tidegate
writes are listed apart and do not count, nor do Applications from other repositories, such as add-ons.

What is wrong with single overlays is a warning, as Argo CD gets an answer all the same.

Exit codes: 0 computed, and the same; 1 there would be no answer, for what the message says, or --diff found a difference;
2 the command line is at fault.`,
		Example: `  # Every Application, from the ApplicationSets that Tidegate ships
  tidegate preview --clusters-file clusters.yaml

  # One service, as Argo CD will create it, from an ApplicationSet of your own
  tidegate preview --clusters-file clusters.yaml -f applicationset.yaml --service payments-api -o yaml

  # The ApplicationSet that rolls a service out in the steps of tidegate.yaml
  tidegate preview -o applicationset --service payments-api

  # Is what was written by hand the same?
  tidegate preview --clusters-file clusters.yaml --service payments-api --diff clusters/staging/argocd-apps`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.from.register(command)
	flags := command.Flags()
	flags.StringArrayVarP(&f.files, "applicationset", "f", nil, "a file of ApplicationSets; may be repeated (default: those of services and of cluster configuration that Tidegate ships)")
	flags.StringArrayVar(&f.options.Services, "service", nil, "only this service; may be repeated")
	flags.StringArrayVar(&f.options.Environments, "environment", nil, "only this environment; may be repeated")
	flags.StringVarP(&f.output, "output", "o", "table", "how the Applications are shown: "+strings.Join(previewFormats, ", ")+", the last being the ApplicationSet that rolls a service out in steps")
	flags.StringVar(&f.diff, "diff", "", "a file or folder of hand-written Applications to compare with")
	if err := command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(previewFormats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: a mistake in this program
	}
	return command
}

func (f *previewFlags) run(c *cobra.Command) error {
	if !slices.Contains(previewFormats, f.output) {
		return cli.Usage(fmt.Errorf("--output: %q is none of %s", f.output, strings.Join(previewFormats, ", ")))
	}
	if f.output == applicationSetFormat {
		return writeRolling(c, f.from, f.options.Services)
	}
	result, err := f.compute(c)
	if err != nil {
		return err
	}
	for _, warning := range result.Lines() {
		fmt.Fprintln(c.ErrOrStderr(), "warning: "+warning)
	}
	if f.diff != "" {
		return compare(c, f.diff, result.Applications)
	}
	return preview.Write(c.OutOrStdout(), result.Applications, f.output)
}

// compute computes the Applications, and shows how far it is.
func (f *previewFlags) compute(c *cobra.Command) (*preview.Result, error) {
	sets, err := applicationSets(f.files)
	if err != nil {
		return nil, err
	}
	answerer, closeSources, err := f.from.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeSources() }()
	options := f.options
	options.ApplicationSets, options.Answerer = sets, answerer
	if len(f.files) == 0 {
		options.ApplicationSets = shipped(c, options)
	}
	shown := newProgress(c.ErrOrStderr())
	defer shown.clear()
	options.Progress = shown.update
	return preview.Run(c.Context(), options)
}

// applicationSetFormat shows no Applications but what rolls them out.
const applicationSetFormat = "applicationset"

var previewFormats = append(preview.Formats(), applicationSetFormat)

// writeRolling writes an ApplicationSet for each service.
func writeRolling(c *cobra.Command, from sources, services []string) error {
	if len(services) == 0 {
		return cli.Usage(errors.New("-o applicationset: name the services that are rolled out in steps with --service"))
	}
	tree, closeTree, err := from.tree(c.Context())
	if err != nil {
		return err
	}
	defer func() { _ = closeTree() }()
	for i, service := range services {
		text, err := preview.Rolling(tree, service)
		if err != nil {
			return err
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := c.OutOrStdout().Write(text); err != nil {
			return err
		}
	}
	return nil
}

func applicationSets(files []string) ([]v1alpha1.ApplicationSet, error) {
	if len(files) == 0 {
		return preview.ParseApplicationSets("manifests", slices.Concat(manifests.Services, []byte("---\n"), manifests.ClusterConfig))
	}
	var sets []v1alpha1.ApplicationSet
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, cli.Usage(err)
		}
		found, err := preview.ParseApplicationSets(file, content)
		if err != nil {
			return nil, err
		}
		sets = append(sets, found...)
	}
	return sets, nil
}

// shipped leaves out the ApplicationSet of cluster configuration where a repository has none: it is not for that one.
func shipped(c *cobra.Command, options preview.Options) []v1alpha1.ApplicationSet {
	var refusal *params.Refusal
	_, err := options.Answerer.Answer(c.Context(), generator.Request{Input: params.Input{Kind: params.ClusterConfig}})
	if !errors.As(err, &refusal) || !refusal.Empty {
		return options.ApplicationSets
	}
	fmt.Fprintln(c.ErrOrStderr(), "note: there is no clusters/<cluster>/cluster-config of a registered cluster, so the ApplicationSet for it is left out")
	return slices.DeleteFunc(options.ApplicationSets, func(set v1alpha1.ApplicationSet) bool {
		return preview.KindOf(set) == params.ClusterConfig
	})
}

func compare(c *cobra.Command, name string, generated []v1alpha1.Application) error {
	written, err := preview.ReadApplications(name)
	if err != nil {
		return err
	}
	comparisons, err := preview.Compare(written, generated)
	if err != nil {
		return err
	}
	report, differ := preview.Report(comparisons)
	if _, err := fmt.Fprint(c.OutOrStdout(), report); err != nil {
		return err
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d Applications differ", differ, len(comparisons))
	}
	return nil
}
