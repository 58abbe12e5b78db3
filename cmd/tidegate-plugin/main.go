// Command tidegate-plugin is Tidegate's Config Management Plugin: what runs in the sidecar of Argo CD's repo-server.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/cmd/internal/serve"
	"github.com/tidegate/tidegate/plugin/policy"
)

func main() { os.Exit(cli.Main(newCommand)) }

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tidegate-plugin",
		Short: "Tidegate's Config Management Plugin for Argo CD",
		Long: "Tidegate's Config Management Plugin. `tidegate-plugin serve` takes the place of Argo CD's argocd-cmp-server in the\n" +
			"sidecar. Or argocd-cmp-server runs `tidegate-plugin render` in the folder of each Application, as plugin.yaml says.",
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		// What would make kustomize run git or helm is refused; if something is overlooked there, it finds nothing to run.
		PersistentPreRunE: func(*cobra.Command, []string) error { return os.Setenv("PATH", "") },
	}
	root.AddCommand(cli.NewRender("tidegate-plugin", policy.Enforce), serve.New(policy.Enforce), cli.NewVersion())
	return root
}
