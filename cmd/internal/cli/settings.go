package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/policy"
)

// RenderSettings reads the arguments of a render command for one that renders in process: what the command would make of
// each environment. Arguments that name files or formats are refused, since both are Argo CD's there.
func RenderSettings(args []string, floor policy.Level) (func(environment []string) (plugin.Settings, []string, error), error) {
	flags := &Flags{defaultFloor: floor}
	command := &cobra.Command{Use: "render"}
	flags.Register(command)
	if err := command.ParseFlags(args); err != nil {
		return nil, Usage(err)
	}
	if rest := command.Flags().Args(); len(rest) > 0 && !slices.Equal(rest, []string{"."}) {
		return nil, Usage(fmt.Errorf("%q: what is rendered is the Application's folder", rest))
	}
	if flags.root != "" {
		return nil, Usage(fmt.Errorf("--root: the root is what Argo CD sends"))
	}
	if _, _, err := flags.Settings(nil); err != nil {
		return nil, err
	}
	return flags.Settings, nil
}
