// Command build builds the programs of the control plane under test, those of these versions once.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/tidegate/tidegate/test/controlplane/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if _, err := servers.Build(ctx, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
