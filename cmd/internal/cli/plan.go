package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/wave/explain"
)

// NewPlan is the command that explains the order of one kustomization.
func NewPlan() *cobra.Command {
	flags := Flags{defaultFloor: policy.Off}
	var output, color string
	command := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Explain in which order Argo CD will apply a kustomization, and why",
		Long: `Explain the order in which Argo CD will apply the kustomization in DIR: the waves, each resource with the reason for
its place, what each wave waits for and what ends the wait, the deadlocks, and what the order costs.

Exit codes: 0 planned, whatever was found about the order (jq -e '.findings == null' of -o json fails where something was), 1 the repository is at fault, 2 the command line or the environment is.`,
		Example: `  # For people
  tidegate plan services/payments-api/overlays/staging

  # For a pull request's description, a document, a program
  tidegate plan -o mermaid services/payments-api/overlays/staging
  tidegate plan -o svg services/payments-api/overlays/staging > plan.svg
  tidegate plan -o json services/payments-api/overlays/staging | jq '.waves[].wave'`,
		Args: OneDir,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(explain.Formats(), output) {
				return Usage(fmt.Errorf("--output: %q is none of %s", output, strings.Join(explain.Formats(), ", ")))
			}
			colored, err := useColor(color, c.OutOrStdout())
			if err != nil {
				return err
			}
			result, err := flags.run(c.Context(), args)
			if err != nil {
				return err
			}
			if result.Plan == nil {
				return Usage(errors.New("--waves=off: there is no order to explain; use tiers or minimal"))
			}
			return explainPlan(c, result, explain.Format(output), explain.Options{Title: result.Dir, Color: colored})
		},
	}
	flags.Register(command)
	command.Flags().StringVarP(&output, "output", "o", "text", "how the plan is shown: "+strings.Join(explain.Formats(), ", "))
	command.Flags().StringVar(&color, "color", "auto", "colours in text: auto (on a terminal), always or never")
	complete(command, "output", explain.Formats())
	complete(command, "color", []string{"auto", "always", "never"})
	return command
}

func explainPlan(c *cobra.Command, result *plugin.Result, format explain.Format, options explain.Options) error {
	var shown bytes.Buffer
	if err := explain.Write(&shown, result.Plan, format, options); err != nil {
		return err
	}
	warn(c, result.Warnings)
	_, err := c.OutOrStdout().Write(shown.Bytes())
	return err
}

// useColor honours the flag, then NO_COLOR (no-color.org), then whether a person looks at a terminal.
func useColor(flag string, out io.Writer) (bool, error) {
	switch flag {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		file, ok := out.(*os.File)
		if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
			return false, nil
		}
		info, err := file.Stat()
		return err == nil && info.Mode()&os.ModeCharDevice != 0, nil
	}
	return false, Usage(fmt.Errorf("--color: %q is none of auto, always, never", flag))
}
