package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

// outcome is what became of a request.
type outcome int

const (
	answered outcome = iota
	gaveUp
	refused
	repelled
)

// Report is what was seen.
type Report struct {
	counts [4]int
	// memory is that of the server and its children after each request, in MiB.
	memory []float64
	// held is what the server has in use after each third of the requests, while nobody asks, in MiB.
	held [3]float64
	// stored is what the server's store holds at the end, and dropped what had to go before for want of room, in bytes.
	stored, dropped int64
}

func (r *Report) add(o outcome, memory float64) {
	r.counts[o]++
	r.memory = append(r.memory, memory)
}

func (r *Report) String() string {
	return fmt.Sprintf("%d requests: %d answered, %d given up by the client, %d refused, %d of a hostile tenant repelled\n"+
		"the server has in use after each third, while nobody asks: %.1f, %.1f, %.1f MiB; at its peak it took %.1f MiB with its children\n"+
		"the store holds %d MiB, and %d had to go for want of room\n",
		len(r.memory), r.counts[answered], r.counts[gaveUp], r.counts[refused], r.counts[repelled], r.held[0], r.held[1], r.held[2], slices.Max(r.memory), r.stored>>20, r.dropped>>20)
}

// Check says what is not as it must be: memory that still grows when everything that is kept has come up, more of it than
// there is, or a load that shows nothing.
func (r *Report) Check(load Load) error {
	var errs []error
	budget := cmpserver.Divide(int64(load.Memory) << 20).Store
	// A few MiB are the program's own: kustomize's schemas, connections.
	const own = 16
	if got, most := slices.Max(r.held[:]), float64(budget>>20)+own; got > most {
		errs = append(errs, fmt.Errorf("memory grows: %.1f MiB are in use while nobody asks, and store and program take %.1f", got, most))
	}
	if peak := slices.Max(r.memory); peak > float64(load.Memory) {
		errs = append(errs, fmt.Errorf("at its peak it took %.1f of %d MiB", peak, load.Memory))
	}
	switch {
	case r.stored > budget:
		errs = append(errs, fmt.Errorf("the store holds %d bytes, and there are %d for it", r.stored, budget))
	case r.dropped < budget:
		errs = append(errs, fmt.Errorf("of the store's %d bytes only %d were ever used for something else: what it does when it is full was not seen", budget, r.dropped))
	}
	if asked := len(r.memory) - r.counts[repelled]; slices.Min(r.counts[:]) == 0 || r.counts[answered] < asked/2 {
		errs = append(errs, fmt.Errorf("the load shows nothing: %v", r.counts))
	}
	return errors.Join(errs...)
}

// resident is the memory of a process and of its children, in MiB. One that ends meanwhile takes none, nor does one that is
// just being started: until it has its own program, it shares the memory of its parent.
func resident(pid int) (float64, error) {
	parent := strconv.Itoa(pid)
	total, err := rss(parent)
	if err != nil {
		return 0, err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for child := range strings.FieldsSeq(string(text)) {
			if sameCommand(child, parent) {
				continue
			}
			if own, err := rss(child); err == nil {
				total += own
			}
		}
	}
	return total, nil
}

// sameCommand tells whether two processes were started with the same arguments, as they are while one is a copy of the other.
func sameCommand(one, other string) bool {
	a, err := os.ReadFile("/proc/" + one + "/cmdline")
	if err != nil {
		return false
	}
	b, err := os.ReadFile("/proc/" + other + "/cmdline")
	return err == nil && bytes.Equal(a, b)
}

// rss is a line of /proc/PID/status, in MiB.
func rss(pid string) (float64, error) {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, err
	}
	_, after, found := strings.Cut(string(text), "\nVmRSS:")
	if !found {
		return 0, fmt.Errorf("process %s has ended", pid)
	}
	fields := strings.Fields(after)
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}
