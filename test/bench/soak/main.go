// Command soak asks the plugin's server for thousands of renders, over commits that change something each time, with many
// clients of which some give up and some mean harm, and shows whether its memory stays flat: the server's and its children's together.
//
//	go run ./test/bench/soak -plugin bin/tidegate-plugin
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	load := Load{}
	plugin := flag.String("plugin", "bin/tidegate-plugin", "the plugin's binary")
	flag.IntVar(&load.Requests, "requests", 10_000, "how many requests")
	flag.IntVar(&load.Clients, "clients", 200, "how many ask at once")
	flag.IntVar(&load.Services, "services", 100, "how many services the repository has")
	flag.IntVar(&load.Commits, "commits", 100, "how many commits there are while it runs")
	flag.IntVar(&load.Memory, "memory", 512, "MiB that the server is told to divide")
	flag.Parse()
	binary, err := filepath.Abs(*plugin)
	if err != nil {
		log.Fatal(err)
	}
	report, err := Soak(context.Background(), binary, load)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(report)
	if err := report.Check(load); err != nil {
		log.Fatal(err)
	}
}
