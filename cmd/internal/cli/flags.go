package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
)

// Flags are those of every command that renders.
type Flags struct {
	waves, policy, floor, floating string
	set, images, replicas          []string
	references                     string
	prefix, suffix                 string
	namespace, root                string

	// defaultFloor holds for parameters and the environment where no floor is given.
	defaultFloor policy.Level
}

// Register adds the flags to a command.
func (f *Flags) Register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.waves, "waves", "", "which sync waves are written: tiers, minimal or off (default tiers)")
	flags.StringVar(&f.policy, "policy", "", "what becomes of what must not be rendered: enforce, warn or off (default enforce)")
	flags.StringVar(&f.floor, "policy-floor", "", "the weakest policy that parameters, the environment or --policy may ask for; without it, "+string(f.defaultFloor)+" for parameters and the environment")
	flags.StringVar(&f.floating, "floating-images", "", "images without a fixed version: warn or refuse (default warn)")
	flags.StringArrayVar(&f.set, "set", nil, "the value of a ${NAME} in the manifests, as NAME=VALUE; may be repeated")
	flags.StringArrayVar(&f.images, "image", nil, "override an image, as NAME=NEWNAME, NAME:TAG or NAME@DIGEST; may be repeated")
	flags.StringArrayVar(&f.replicas, "replicas", nil, "override a number of replicas, as NAME=COUNT; may be repeated")
	flags.StringVar(&f.references, "references", "", "a file with references of custom resources")
	flags.StringVar(&f.prefix, "name-prefix", "", "put this before every name")
	flags.StringVar(&f.suffix, "name-suffix", "", "put this after every name")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "the destination's namespace, for what names none")
	flags.StringVar(&f.root, "root", "", "the repository's root, above which nothing is read (default: the nearest folder above with .git or tidegate.yaml)")
	choices := map[string][]string{
		"waves": {"tiers", "minimal", "off"}, "policy": {"enforce", "warn", "off"},
		"policy-floor": {"enforce", "warn", "off"}, "floating-images": {"warn", "refuse"},
	}
	for name, values := range choices {
		complete(c, name, values)
	}
}

// complete makes shells offer the values of a flag.
func complete(c *cobra.Command, flag string, values []string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag does not exist: a mistake in this program
	}
}

// Settings puts an environment, each variable as NAME=value, and the flags over the defaults.
func (f *Flags) Settings(environment []string) (plugin.Settings, []string, error) {
	var warnings []string
	settings := plugin.Defaults()
	if err := settings.Environment(environment); err != nil {
		return settings, nil, Usage(err)
	}
	if f.floor == "" {
		warnings = floor(&settings, f.defaultFloor)
	}
	if err := f.apply(&settings); err != nil {
		return settings, nil, Usage(err)
	}
	if f.floor != "" {
		level, err := policy.ParseLevel(f.floor)
		if err != nil {
			return settings, nil, Usage(fmt.Errorf("--policy-floor: %w", err))
		}
		warnings = floor(&settings, level)
	}
	return settings, warnings, nil
}

func floor(settings *plugin.Settings, level policy.Level) (warnings []string) {
	if warning := settings.Floor(level); warning != "" {
		warnings = append(warnings, warning)
	}
	return warnings
}

// apply puts the flags over settings.
func (f *Flags) apply(settings *plugin.Settings) error {
	for flag, value := range map[string]string{
		"waves": f.waves, "policy": f.policy, "floating-images": f.floating, "name-prefix": f.prefix, "name-suffix": f.suffix,
	} {
		if err := settings.Set(flag, value); err != nil {
			return fmt.Errorf("--%s: %w", flag, err)
		}
	}
	for _, assignment := range f.set {
		name, value, found := strings.Cut(assignment, "=")
		if !found {
			return fmt.Errorf("--set %s: want NAME=VALUE", assignment)
		}
		if err := settings.Substitute(name, value); err != nil {
			return fmt.Errorf("--set %s: %w", assignment, err)
		}
	}
	settings.Overrides.Images = append(settings.Overrides.Images, f.images...)
	settings.Overrides.Replicas = append(settings.Overrides.Replicas, f.replicas...)
	if f.references != "" {
		rows, err := os.ReadFile(f.references)
		if err != nil {
			return fmt.Errorf("--references: %w", err)
		}
		settings.References = string(rows)
	}
	if f.namespace != "" {
		settings.Namespace = f.namespace
	}
	return settings.Check()
}

// run renders the folder that the arguments name, the working directory without one.
func (f *Flags) run(ctx context.Context, args []string) (*plugin.Result, error) {
	settings, warnings, err := f.Settings(os.Environ())
	if err != nil {
		return nil, err
	}
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	repository, err := open(dir, f.root)
	if err != nil {
		return nil, err
	}
	defer repository.close()
	result, err := plugin.Run(ctx, render.Once(), plugin.Request{
		Tree: repository.tree, Dir: repository.dir, App: os.Getenv("ARGOCD_APP_NAME"), Settings: settings,
	})
	if err != nil {
		return nil, shown{err, repository.show(err.Error())}
	}
	result.Dir = repository.show(result.Dir)
	for _, warning := range result.Warnings {
		warnings = append(warnings, repository.show(warning))
	}
	result.Warnings = warnings
	return result, nil
}

// shown is an error in other words.
type shown struct {
	error
	text string
}

func (s shown) Error() string { return s.text }
func (s shown) Unwrap() error { return s.error }
