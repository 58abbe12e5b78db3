package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// watch looks at the memory of a process and all below it every few milliseconds.
type watch struct {
	done chan struct{}
	peak chan float64
}

func newWatch(pid int) *watch {
	w := &watch{done: make(chan struct{}), peak: make(chan float64, 1)}
	go func() {
		peak := resident(pid)
		for {
			select {
			case <-w.done:
				w.peak <- max(peak, resident(pid))
				return
			case <-time.After(2 * time.Millisecond):
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

// resident is the memory of a process and of all its descendants, in MiB.
func resident(pid int) float64 {
	total := rss(pid)
	process := "/proc/" + strconv.Itoa(pid) + "/task/"
	tasks, _ := os.ReadDir(process)
	for _, task := range tasks {
		children, _ := os.ReadFile(process + task.Name() + "/children")
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				total += resident(n)
			}
		}
	}
	return total
}

func rss(pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	pages, _ := strconv.Atoi(fields[21])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
