package controlplane

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
)

// complaint is a line of a log that says that something went wrong, in the ways in which our servers say it.
var complaint = regexp.MustCompile(`level=(error|warning|fatal)|"level":"(ERROR|WARN|error|warn|fatal)"|^[EF]\d{4} |panic|DATA RACE|Error:`)

// shown is how many lines of a log are shown.
const shown = 12

// writeLog shows the last complaints of a log, or its last lines where there are none.
func writeLog(out io.Writer, name, path string) {
	content, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintf(out, "--- %s: %v\n", name, err)
		return
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	var complaints [][]byte
	for _, line := range lines {
		if complaint.Match(line) {
			complaints = append(complaints, line)
		}
	}
	kind := "complaints"
	if len(complaints) == 0 {
		complaints, kind = lines, "lines"
	}
	last := complaints[max(0, len(complaints)-shown):]
	fmt.Fprintf(out, "--- %s: the last %d of %d %s of %s\n", name, len(last), len(complaints), kind, path)
	for _, line := range last {
		fmt.Fprintf(out, "%s\n", line[:min(len(line), 600)])
	}
}
