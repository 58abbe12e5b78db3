// Command tidegate shows, on a laptop or in CI, what Tidegate's plugin and generator do inside Argo CD, and is the generator.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/plugin/policy"
)

func main() { os.Exit(cli.Main(newCommand)) }

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tidegate",
		Short: "Ordered, checked rollouts of one GitOps repository on Argo CD",
		Long: "Tidegate renders the overlays of a GitOps repository in the order in which Argo CD must apply them, and gives Argo CD\n" +
			"the Applications that the repository and the clusters demand. It shows both before they happen.",
	}
	root.AddCommand(cli.NewRender("tidegate", policy.Off), cli.NewPlan(), newPreview(), newWhy(), newGenerator(), cli.NewVersion())
	return root
}
