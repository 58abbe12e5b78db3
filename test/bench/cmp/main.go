// Command cmp measures plugin servers: Tidegate's, Argo CD's own with `kustomize build`, one that only receives, the floor under
// what any server can do, and one that has kustomize as a library render as well. All run as processes of their own and get the
// same requests in turns, from Argo CD's own client over a unix socket, two at once. docs/performance.md says what the rows mean.
//
//	go run ./test/bench/cmp -plugin bin/tidegate-plugin -kustomize bin/kustomize
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
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
	sample := flag.Int("sample", 12, "how many Applications are sent to Argo CD's server with the whole repository, ten times as many with the service's folder, "+
		"and how often the large overlay is rendered; the other two servers get every Application")
	whole := flag.Int("whole", 0, "with the whole repository, send only so many Applications to the floor and to tidegate (0: every one, as the goal has it)")
	only := flag.String("only", "", "measure only the cases whose name this regular expression finds: '^service folder'")
	profile := flag.String("profile", "", "after the large overlay, write a CPU profile of tidegate that renders it for ten seconds to this file")
	flag.Parse()
	dir, err := os.MkdirTemp("", "tidegate-cmp-")
	if err == nil {
		b := bench{dir: dir, services: *services, sample: *sample, whole: *whole, only: *only, profile: *profile}
		if b.plugin, err = filepath.Abs(*plugin); err == nil {
			b.kustomize, err = filepath.Abs(*kustomize)
		}
		if err == nil {
			// Argo CD's client leaves an empty folder behind for each archive that it packs.
			err = os.Setenv("TMPDIR", dir)
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
	dir, plugin, kustomize, only, profile string
	services, sample, whole               int
	table                                 *tabwriter.Writer
	running                               map[string]*process
	// first is which server begins a turn.
	first int
	// repositories is how many have been written.
	repositories int
}

func (b *bench) run() error {
	only, err := regexp.Compile(b.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	fmt.Printf("%d services, %d clients at once, %d cores; ms are for one Application, ÷ is the median of what each turn of 20 gives\n\n", b.services, clients, runtime.NumCPU())
	b.table = tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(b.table, "case\tfloor ms\tArgo CD ms\ttidegate ms\t÷ floor\t÷ Argo CD\tgoal\tCPU: floor ms\tArgo CD ms\ttidegate ms\t÷ Argo CD\tgoal\t")
	build := exec.Command("go", "build", "-o", filepath.Join(b.dir, library), "github.com/tidegate/tidegate/test/bench/cmp/krusty")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	b.running = map[string]*process{}
	defer func() {
		for _, p := range b.running { // after an error; otherwise they have ended
			_ = p.command.Process.Kill()
		}
	}()
	for _, name := range servers {
		p, err := start(name, b.dir, b.plugin, b.kustomize)
		if p != nil {
			b.running[name] = p
		}
		if err != nil {
			return err
		}
	}
	for _, c := range cases {
		if !only.MatchString(c.name) {
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
func (b *bench) row(name string, t taken, wall, cpu goal) {
	show := func(digits int, x float64) string {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return "–"
		}
		return strconv.FormatFloat(x, 'f', digits, 64)
	}
	f, a, o := t.of(floor), t.of(peer), t.of(tidegate)
	fmt.Fprintln(b.table, strings.Join([]string{
		name, show(2, f.wall()), show(2, a.wall()), show(2, o.wall()), show(3, t.ratio(tidegate, floor)), show(3, t.ratio(tidegate, peer)), wall.verdict(),
		show(2, f.busy()), show(2, a.busy()), show(2, o.busy()), show(3, o.busy()/a.busy()), cpu.verdict(), "",
	}, "\t"))
}

// profiled repeats something for the time of a CPU profile of our server, which it writes.
func (b *bench) profiled(again func() error) error {
	done := make(chan error, 1)
	go func() { done <- b.download("/debug/pprof/profile?seconds=10") }()
	for {
		select {
		case err := <-done:
			return err
		default:
			if err := again(); err != nil {
				return err
			}
		}
	}
}

// download writes what our server's side door answers to the file of the profile.
func (b *bench) download(path string) error {
	response, err := http.Get("http://" + b.running[tidegate].debug + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(b.profile, content, 0o644)
}
