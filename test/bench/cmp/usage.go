package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// ticks is the kernel's unit of CPU time in /proc (sysconf(_SC_CLK_TCK), 100 on Linux).
const ticks = 100

// cpu is the CPU time of a process and of its children that have ended, in seconds. The process's own is exact to the
// nanosecond, so that a few requests can be told apart; that of children is counted in ticks.
func cpu(pid int) float64 {
	var own syscall.Timespec
	// clock_getcpuclockid(3): the clock of a process is its number's complement, and 2 for what the scheduler counts.
	if _, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^pid<<3|2), uintptr(unsafe.Pointer(&own)), 0); failed != 0 {
		return 0
	}
	total := time.Duration(own.Nano()).Seconds()
	fields := stat(pid)
	for _, i := range []int{13, 14} { // cutime, cstime, counted after the name
		if len(fields) > i {
			n, _ := strconv.Atoi(fields[i])
			total += float64(n) / ticks
		}
	}
	return total
}

// stat is /proc/PID/stat after the program's name.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// watch looks at the memory of a process and its children every few milliseconds.
type watch struct {
	done chan struct{}
	peak chan float64
}

func newWatch(pid int) *watch {
	w := &watch{done: make(chan struct{}), peak: make(chan float64, 1)}
	go func() {
		peak := 0.0
		for {
			select {
			case <-w.done:
				w.peak <- peak
				return
			case <-time.After(10 * time.Millisecond):
				peak = max(peak, resident(pid))
			}
		}
	}()
	return w
}

func (w *watch) stop() float64 {
	close(w.done)
	return <-w.peak
}

// resident is the memory of a process and of its children, in MiB.
func resident(pid int) float64 {
	total := rss(pid)
	children, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
	tasks, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	for _, task := range tasks {
		list, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + task.Name() + "/children")
		children = append(append(children, ' '), list...)
	}
	seen := map[string]bool{}
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil && !seen[child] {
			seen[child] = true
			total += rss(n)
		}
	}
	return total
}

func rss(pid int) float64 {
	fields := stat(pid)
	if fields == nil {
		return 0
	}
	pages, _ := strconv.Atoi(fields[21])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
