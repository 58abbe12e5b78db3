// Command processes renders overlays with `tidegate-plugin render`, waves on, and with `kustomize build`, by turns, and
// prints the medians of wall time and peak memory, their ratios and the goals.
//
//	go run ./test/bench/processes -plugin bin/tidegate-plugin -kustomize bin/kustomize
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/tidegate/tidegate/test/bench/overlay"
)

// goals are ratios to kustomize, from the design's "Numbers to beat".
var goals = map[string]struct{ time, memory float64 }{
	"json-patches":    {1, 1},
	"strategic-merge": {0.4, 0.6},
	"100-large-crds":  {1, 1},
}

func main() {
	log.SetFlags(0)
	plugin := flag.String("plugin", "bin/tidegate-plugin", "the plugin's binary")
	kustomize := flag.String("kustomize", "bin/kustomize", "the peer's binary")
	runs := flag.Int("n", 21, "how often each overlay is rendered with each")
	only := flag.String("only", "", "render only the overlay of this name")
	write := flag.String("write", "", "write the overlays to this folder and do nothing else")
	flag.Parse()
	var err error
	if *write != "" {
		err = writeAll(*write)
	} else {
		err = compare(*plugin, *kustomize, *only, *runs)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func writeAll(dir string) error {
	for _, o := range overlay.All {
		if _, err := o.Write(dir); err != nil {
			return err
		}
	}
	return nil
}

func compare(plugin, kustomize, only string, runs int) error {
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// In a process of its own, to keep this one small: see the last line of the output.
	if out, err := exec.Command(os.Args[0], "-write", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("writing the overlays: %w\n%s", err, out)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "overlay\ttidegate ms\tkustomize ms\tratio\tgoal\ttidegate MiB\tkustomize MiB\tratio\tgoal\t")
	for _, o := range overlay.All {
		if only != "" && o.Name != only {
			continue
		}
		path, err := o.Write(dir)
		if err != nil {
			return err
		}
		var ours, theirs []sample
		for range runs {
			for _, side := range []struct {
				samples *[]sample
				command []string
			}{{&ours, []string{plugin, "render", "--root", dir, path}}, {&theirs, []string{kustomize, "build", path}}} {
				s, err := run(side.command)
				if err != nil {
					return err
				}
				*side.samples = append(*side.samples, s)
			}
		}
		goal := goals[o.Name]
		a, b := median(ours), median(theirs)
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.2f\t≤ %.1f\t%.1f\t%.1f\t%.2f\t≤ %.1f\t\n", o.Name,
			a.milliseconds, b.milliseconds, a.milliseconds/b.milliseconds, goal.time, a.mebibytes, b.mebibytes, a.mebibytes/b.mebibytes, goal.memory)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	floor, err := run([]string{"true"})
	if err != nil {
		return err
	}
	fmt.Printf("No process can show less than %.1f MiB here: a child's peak includes what its parent held when it started it.\n", floor.mebibytes)
	return nil
}

// sample is what one process took.
type sample struct{ milliseconds, mebibytes float64 }

func run(command []string) (sample, error) {
	var stderr bytes.Buffer
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = &stderr
	start := time.Now()
	if err := c.Run(); err != nil {
		return sample{}, fmt.Errorf("%v: %w\n%s", command, err, &stderr)
	}
	took := time.Since(start)
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{float64(took.Microseconds()) / 1000, float64(usage.Maxrss) / 1024}, nil
}

// median takes both numbers apart.
func median(samples []sample) sample {
	middle := func(number func(sample) float64) float64 {
		sorted := slices.SortedFunc(slices.Values(samples), func(a, b sample) int { return cmp.Compare(number(a), number(b)) })
		return number(sorted[len(sorted)/2])
	}
	return sample{
		middle(func(s sample) float64 { return s.milliseconds }),
		middle(func(s sample) float64 { return s.mebibytes }),
	}
}
