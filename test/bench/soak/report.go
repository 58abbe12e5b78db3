package main

import (
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
)

// Report is what was seen: after each request the memory of the server and its children, in MiB.
type Report struct {
	counts [3]int
	memory []float64
	// stored is what the server's store holds at the end, and dropped what had to go before for want of room, in bytes.
	stored, dropped int64
}

func (r *Report) add(o outcome, memory float64) {
	r.counts[o]++
	r.memory = append(r.memory, memory)
}

// third is the median of one third of the requests, in the order of their ends. Time does not count: how busy the machine
// is does not change it.
func (r *Report) third(i int) float64 {
	n := len(r.memory)
	part := slices.Sorted(slices.Values(r.memory[n*i/3 : n*(i+1)/3]))
	return part[len(part)/2]
}

func (r *Report) String() string {
	return fmt.Sprintf("%d requests: %d answered, %d given up by the client, %d refused\n"+
		"memory of server and children, median of each third: %.1f, %.1f, %.1f MiB; peak %.1f MiB\n"+
		"the store holds %d MiB, and %d had to go for want of room\n",
		len(r.memory), r.counts[answered], r.counts[gaveUp], r.counts[refused], r.third(0), r.third(1), r.third(2), slices.Max(r.memory), r.stored>>20, r.dropped>>20)
}

// Check says what is not as it must be: memory that still grows when everything that is kept has come up, more of it than
// there is, or a load that shows nothing.
func (r *Report) Check(load Load) error {
	var errs []error
	// Up to where the server begins to collect more often, Go takes what it likes.
	soft := float64(cmpserver.Divide(int64(load.Memory)<<20).Soft >> 20)
	if got, most := r.third(2), max(soft, r.third(1))*1.1+8; got > most {
		errs = append(errs, fmt.Errorf("memory grows: the median of the last third is %.1f MiB, of the second %.1f", got, r.third(1)))
	}
	if peak := slices.Max(r.memory); peak > float64(load.Memory) {
		errs = append(errs, fmt.Errorf("at its peak it took %.1f of %d MiB", peak, load.Memory))
	}
	switch budget := cmpserver.Divide(int64(load.Memory) << 20).Store; {
	case r.stored > budget:
		errs = append(errs, fmt.Errorf("the store holds %d bytes, and there are %d for it", r.stored, budget))
	case r.dropped < budget:
		errs = append(errs, fmt.Errorf("of the store's %d bytes only %d were ever used for something else: what it does when it is full was not seen", budget, r.dropped))
	}
	if slices.Min(r.counts[:]) == 0 || r.counts[answered] < len(r.memory)/2 {
		errs = append(errs, fmt.Errorf("the load shows nothing: %v", r.counts))
	}
	return errors.Join(errs...)
}

// resident is the memory of a process and of its children, in MiB. One that ends meanwhile takes none.
func resident(pid int) (float64, error) {
	total, err := rss(strconv.Itoa(pid))
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
			if own, err := rss(child); err == nil {
				total += own
			}
		}
	}
	return total, nil
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
