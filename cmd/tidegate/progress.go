package main

import (
	"fmt"
	"io"
	"os"
)

// progress is a line on a terminal that says how far a preview is. Elsewhere it is nothing.
type progress struct {
	out   io.Writer
	shown string
}

func newProgress(out io.Writer) *progress {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return &progress{out: io.Discard}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{out: io.Discard}
	}
	p := &progress{out: out}
	p.show("reading the repository and the clusters")
	return p
}

// update shows every hundredth.
func (p *progress) update(applicationSet string, done, total int) {
	if done == total || done%max(total/100, 1) == 0 {
		p.show(fmt.Sprintf("%s: %d of %d Applications", applicationSet, done, total))
	}
}

func (p *progress) show(text string) {
	p.shown = text
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
}

// clear removes the line.
func (p *progress) clear() {
	if p.shown != "" {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
