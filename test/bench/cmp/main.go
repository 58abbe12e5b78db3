// Command cmp measures plugin servers: Tidegate's, Argo CD's own with `kustomize build`, and one that only receives, the
// floor under what any server can do. All three run as processes of their own and get the same requests in turns, from
// Argo CD's own client over a unix socket, two at once.
//
//	go run ./test/bench/cmp -plugin bin/tidegate-plugin -kustomize bin/kustomize
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/sirupsen/logrus"
)

func main() {
	log.SetFlags(0)
	logrus.SetLevel(logrus.ErrorLevel)
	if name := os.Getenv(serverVariable); name != "" {
		log.Fatal(serve(name, os.Args[1]))
	}
	plugin := flag.String("plugin", "bin/tidegate-plugin", "the plugin's binary")
	kustomize := flag.String("kustomize", "bin/kustomize", "the peer's binary")
	services := flag.Int("services", 500, "how many services the repository has")
	sample := flag.Int("sample", 12, "how many of them are sent to Argo CD's server, and with the whole repository to the others")
	only := flag.String("only", "", "measure only the cases whose name contains this")
	flag.Parse()
	dir, err := os.MkdirTemp("", "tidegate-cmp-")
	if err == nil {
		b := bench{dir: dir, services: *services, sample: *sample, only: *only}
		if b.plugin, err = filepath.Abs(*plugin); err == nil {
			b.kustomize, err = filepath.Abs(*kustomize)
		}
		if err == nil {
			err = b.run()
		}
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// bench is one run.
type bench struct {
	dir, plugin, kustomize, only string
	services, sample             int
	table                        *tabwriter.Writer
	running                      map[string]*process
}

func (b *bench) run() error {
	fmt.Printf("%d services, %d clients at once, %d cores; ms are for one Application\n\n", b.services, clients, runtime.NumCPU())
	b.table = tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(b.table, "case\tfloor ms\tArgo CD ms\ttidegate ms\t÷ floor\t÷ Argo CD\tgoal\tCPU: Argo CD ms\ttidegate ms\t÷\tgoal\t")
	b.running = map[string]*process{}
	for _, name := range []string{floor, peer, tidegate} {
		p, err := start(name, b.dir, b.plugin, b.kustomize)
		if err != nil {
			return err
		}
		b.running[name] = p
	}
	for _, c := range cases {
		if !strings.Contains(c.name, b.only) {
			continue
		}
		if err := c.run(b, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if err := b.table.Flush(); err != nil {
			return err
		}
	}
	return b.memory()
}

// memory stops the servers and prints the most that each has had.
func (b *bench) memory() error {
	fmt.Println()
	peaks := map[string]float64{}
	for name, p := range b.running {
		peak, err := p.stop()
		if err != nil {
			return err
		}
		peaks[name] = peak
	}
	fmt.Printf("peak memory over all of it, with children: floor %.0f MiB, Argo CD %.0f MiB, tidegate %.0f MiB (goal: ≤ 150, and below Argo CD's)\n",
		peaks[floor], peaks[peer], peaks[tidegate])
	return nil
}

// row prints one row. A server that was not asked has no jobs.
func (b *bench) row(name string, taken map[string]sample, goal, cpuGoal string) {
	ms := func(f float64) string {
		if f != f || f < 0 {
			return "–"
		}
		return fmt.Sprintf("%.2f", f)
	}
	f, a, t := taken[floor], taken[peer], taken[tidegate]
	ratio := func(x, y float64) string {
		if y != y || y == 0 {
			return "–"
		}
		return fmt.Sprintf("%.3f", x/y)
	}
	fmt.Fprintf(b.table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name,
		ms(f.wall()), ms(a.wall()), ms(t.wall()), ratio(t.wall(), f.wall()), ratio(t.wall(), a.wall()), goal,
		ms(a.busy()), ms(t.busy()), ratio(t.busy(), a.busy()), cpuGoal)
}
