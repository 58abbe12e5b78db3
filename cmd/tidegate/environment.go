package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidegate/tidegate/cmd/internal/cli"
)

// fromEnvironment lets every flag of a command be set by a variable: TIDEGATE_ and its name in capitals. The help names it;
// the command line wins.
func fromEnvironment(command *cobra.Command) {
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		flag.Usage += " [$" + variable(flag.Name) + "]"
	})
	run := command.RunE
	command.RunE = func(c *cobra.Command, args []string) error {
		var wrong error
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			value, set := os.LookupEnv(variable(flag.Name))
			if flag.Changed || !set || flag.Name == "help" || wrong != nil {
				return
			}
			if err := c.Flags().Set(flag.Name, value); err != nil {
				wrong = cli.Usage(fmt.Errorf("$%s: %w", variable(flag.Name), err))
			}
		})
		if wrong != nil {
			return wrong
		}
		return run(c, args)
	}
}

func variable(flag string) string {
	return "TIDEGATE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
