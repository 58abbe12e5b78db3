// Package explain shows a wave.Plan to people and programs: as text for a terminal, as JSON, as Mermaid and DOT for
// documents, and as an SVG picture.
//
// It only reads plans: it never works out an order, changes an object or runs a program. Whatever it shows may come from
// a manifest that somebody else wrote, so every name is made visible and escaped before it is written.
package explain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidegate/tidegate/plugin/wave"
)

// Format is a way to show a plan.
type Format string

// The formats.
const (
	Text    Format = "text"    // for a terminal
	JSON    Format = "json"    // the Plan itself
	Mermaid Format = "mermaid" // a flowchart for Markdown
	DOT     Format = "dot"     // a digraph for Graphviz
	SVG     Format = "svg"     // a picture, drawn here
)

// Formats are the names of all formats, the default first.
func Formats() []string {
	return []string{string(Text), string(JSON), string(Mermaid), string(DOT), string(SVG)}
}

// Options are what a caller may choose. The zero value is right for a file.
type Options struct {
	// Title says what the plan is of, such as services/payments-api/overlays/staging. Text, DOT and SVG show it.
	Title string
	// Color allows terminal colours. Only Text has them.
	Color bool
	// Width is the terminal's width in columns, at which Text wraps; 0 never wraps.
	Width int
}

var writers = map[Format]func(*bytes.Buffer, *wave.Plan, Options) error{
	Text:    writeText,
	JSON:    writeJSON,
	Mermaid: writeMermaid,
	DOT:     writeDOT,
	SVG:     writeSVG,
}

// Write shows the plan in the format. It writes everything in one call or, on an error of its own, nothing.
func Write(w io.Writer, plan *wave.Plan, format Format, opts Options) error {
	write, known := writers[format]
	if !known {
		return fmt.Errorf("unknown plan format %q: use one of %s", format, strings.Join(Formats(), ", "))
	}
	if plan == nil {
		return errors.New("no plan to explain")
	}
	var out bytes.Buffer
	if err := write(&out, plan, opts); err != nil {
		return fmt.Errorf("showing the plan as %s: %w", format, err)
	}
	_, err := w.Write(out.Bytes())
	return err
}
