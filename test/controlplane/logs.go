package controlplane

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
)

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

func (e excerpt) write(out io.Writer, name, path string) {
	kind := "lines"
	if e.complaints {
		kind = "complaints"
	}
	fmt.Fprintf(out, "--- %s: the last %d of %d %s of %s\n", name, len(e.lines), e.of, kind, path)
	for _, line := range e.lines {
		fmt.Fprintf(out, "%s\n", line[:min(len(line), 600)])
	}
}

// logs are the ends of what the servers have printed since the part began, those first that complain.
func (r *run) logs() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var complaining, others bytes.Buffer
	seen := map[string]bool{}
	for _, p := range r.processes {
		if seen[p.Log] {
			continue
		}
		seen[p.Log] = true
		content, err := os.ReadFile(p.Log)
		if err != nil {
			fmt.Fprintf(&complaining, "--- %s: %v\n", p.Name, err)
			continue
		}
		said := excerptOf(content[min(r.partBegan[p.Log], len(content)):])
		if said.complaints {
			said.write(&complaining, p.Name, p.Log)
		} else {
			said.write(&others, p.Name, p.Log)
		}
	}
	return complaining.String() + others.String()
}

// part begins a part: logs are of what comes from now on. Its end goes back to the part around it.
func (r *run) part() (end func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	around, now := r.partBegan, map[string]int{}
	for _, p := range r.processes {
		info, err := os.Stat(p.Log)
		if err != nil {
			return nil, err
		}
		now[p.Log] = int(info.Size())
	}
	r.partBegan = now
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.partBegan = around
	}, nil
}
