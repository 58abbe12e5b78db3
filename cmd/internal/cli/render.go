package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/wave"
)

// formats are how objects can be written.
var formats = []string{"yaml", "json"}

// NewRender is the command that renders one kustomization, the same in both programs. Where an Application may choose the
// settings, the floor under its policy is not left to be forgotten.
func NewRender(program string, floor policy.Level) *cobra.Command {
	flags := Flags{defaultFloor: floor}
	var output string
	command := &cobra.Command{
		Use:   "render [DIR]",
		Short: "Render a kustomization, in the order in which Argo CD shall apply it",
		Long: `Render the kustomization in DIR (the working directory, if none is given) as kustomize would, put values in the
place of ${NAME}, refuse what must not be rendered, and write the order of the resources as sync waves.

Nothing is fetched, nothing that a kustomization asks for is executed, and nothing above the repository's root is read.
The manifests go to stdout, all of them or none; warnings and errors go to stderr.

Settings come, each over the one before, from the defaults, from ARGOCD_ENV_TIDEGATE_*, from ARGOCD_APP_PARAMETERS, and
from the flags. Values of ${NAME} come from ARGOCD_ENV_<NAME>, from the parameter substitutions, and from --set.

Exit codes: 0 rendered, 1 the repository is at fault, 2 the command line or the environment is.`,
		Example: strings.ReplaceAll(`  # What Argo CD will apply for staging
  PROGRAM render services/payments-api/overlays/staging

  # Exactly what kustomize build prints
  PROGRAM render --waves=off --policy=off services/payments-api/overlays/staging

  # Another tag and a value for ${REGION}, as JSON
  PROGRAM render --image ghcr.io/myorg/payments-api:sha-0ddba11 --set REGION=eu-west-1 -o json .`, "PROGRAM", program),
		Args: OneDir,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(formats, output) {
				return Usage(fmt.Errorf("--output: %q is none of %s", output, strings.Join(formats, ", ")))
			}
			result, err := flags.run(c.Context(), args)
			if err != nil {
				return err
			}
			encode := manifest.YAML
			if output == "json" {
				encode = manifest.JSON
			}
			stream, err := encode(result.Objects)
			if err != nil {
				return err
			}
			warn(c, result.Warnings)
			if result.Plan != nil {
				warn(c, findings(result.Plan))
			}
			_, err = c.OutOrStdout().Write(stream)
			return err
		},
	}
	flags.Register(command)
	command.Flags().StringVarP(&output, "output", "o", "yaml", "how the objects are written: yaml or json")
	complete(command, "output", formats)
	return command
}

// warn prints warnings, after everything that could still have failed: Argo CD shows what a failed command wrote to
// stderr, and that shall be the error.
func warn(c *cobra.Command, warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning: "+warning)
	}
}

// findings are what the planner has to say, one line each.
func findings(plan *wave.Plan) []string {
	var lines []string
	for _, finding := range plan.Findings {
		line := finding.Message + " (" + finding.Rule + ")"
		if finding.Severity == wave.Deadlock {
			line = "deadlock: " + line
		}
		lines = append(lines, line)
	}
	return lines
}
