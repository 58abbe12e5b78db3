package controlplane

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
)

// logFile is that of what a server prints. One that is started again goes on in it.
type logFile struct{ name, path string }

// complaint is a line of a log that says that something went wrong, in the ways in which our servers say it: as text of
// logrus and of slog, as JSON of these and of etcd, as klog and cobra write it, and as Go itself does.
var complaint = regexp.MustCompile(`(?i:level"?[=:] ?"?(error|warn|fatal|panic|dpanic))|^[EF]\d{4} |panic|DATA RACE|Error:`)

// shown is how many lines of a log are shown.
const shown = 12

// excerpt is what is shown of a log.
type excerpt struct {
	// complaints tells whether it is of these only.
	complaints bool
	lines      [][]byte
	// of is how many there are.
	of int
}

// excerptOf picks the last complaints, or the last lines where there are none.
func excerptOf(log []byte) excerpt {
	log = bytes.TrimSpace(log)
	if len(log) == 0 {
		return excerpt{}
	}
	lines := bytes.Split(log, []byte("\n"))
	var complaints [][]byte
	for _, line := range lines {
		if complaint.Match(line) {
			complaints = append(complaints, line)
		}
	}
	if len(complaints) > 0 {
		lines = complaints
	}
	return excerpt{len(complaints) > 0, lines[max(0, len(lines)-shown):], len(lines)}
}

func (e excerpt) write(out io.Writer, log logFile) {
	kind := "lines"
	if e.complaints {
		kind = "complaints"
	}
	fmt.Fprintf(out, "--- %s: the last %d of %d %s of %s\n", log.name, len(e.lines), e.of, kind, log.path)
	for _, line := range e.lines {
		fmt.Fprintf(out, "%s\n", line[:min(len(line), 600)])
	}
}

// excerpts are the ends of what the servers printed from the beginning of the part until they were told to end, those first
// that complain.
func (r *run) excerpts() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var complaining, others bytes.Buffer
	for _, log := range r.logs {
		content, err := os.ReadFile(log.path)
		if err != nil {
			fmt.Fprintf(&complaining, "--- %s: %v\n", log.name, err)
			continue
		}
		if end, ended := r.ended[log]; ended {
			content = content[:end]
		}
		said := excerptOf(content[r.began[log]:])
		switch {
		case said.complaints:
			said.write(&complaining, log)
		case len(said.lines) > 0:
			said.write(&others, log)
		}
	}
	return complaining.String() + others.String()
}

// part begins a part: excerpts are of what comes from now on. Its end goes back to the part around it.
func (r *run) part() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	around := r.began
	r.began = r.lengths()
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.began = around
	}
}

// lengths of all logs. One of a server that did not start is not there, and has none.
func (r *run) lengths() map[logFile]int {
	out := map[logFile]int{}
	for _, log := range r.logs {
		if info, err := os.Stat(log.path); err == nil {
			out[log] = int(info.Size())
		}
	}
	return out
}
