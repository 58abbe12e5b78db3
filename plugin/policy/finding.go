package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

const (
	// MaxPerCheck is how many findings of one check are listed; one more then counts the rest.
	MaxPerCheck = 100
	// maxShown is how many errors the text of Err shows.
	maxShown = 10
	// maxText is the length at which a value or a name is cut in a message.
	maxText = 200
)

// Finding is one thing that must not be rendered.
type Finding struct {
	// Check is the name of the table's row: plain-secret.
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// ID is the object's, as written in it; empty where the finding is about all of them.
	ID manifest.ID `json:"id,omitzero"`
	// Field is the path of the field at fault: spec.template.spec.containers[0].image. Empty where it is the whole object.
	Field string `json:"field,omitempty"`
	// Message says what is wrong and what to do about it, without the object's name.
	Message string `json:"message"`
	// More counts the findings of the check that are not listed; only the last one of a check, which says so, has it.
	More int `json:"more,omitempty"`
}

// String is the finding in one line: Secret payments: stringData: ... (plain-secret).
func (f Finding) String() string {
	var out strings.Builder
	if f.ID != (manifest.ID{}) {
		out.WriteString(strings.TrimSpace(f.ID.String()) + ": ")
	}
	if f.Field != "" {
		out.WriteString(f.Field + ": ")
	}
	fmt.Fprintf(&out, "%s (%s)", f.Message, f.Check)
	return out.String()
}

// Findings are those of one Check, errors first.
type Findings []Finding

// Errors are the findings that fail the render.
func (f Findings) Errors() Findings { return f.of(Error) }

// Warnings are the findings that do not.
func (f Findings) Warnings() Findings { return f.of(Warning) }

// Err is nil where nothing fails the render; otherwise it shows the first ten errors, a line each, and counts the rest.
func (f Findings) Err() error {
	failed := f.Errors()
	if len(failed) == 0 {
		return nil
	}
	lines := make([]string, 0, maxShown+1)
	for _, finding := range failed[:min(len(failed), maxShown)] {
		lines = append(lines, finding.String())
	}
	more := 0
	for _, finding := range failed[len(lines):] {
		more += max(1, finding.More)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (f Findings) of(severity Severity) Findings {
	var out Findings
	for _, finding := range f {
		if finding.Severity == severity {
			out = append(out, finding)
		}
	}
	return out
}

func (f Findings) sorted() Findings {
	slices.SortStableFunc(f, func(a, b Finding) int { return a.Severity.order() - b.Severity.order() })
	return f
}

func (s Severity) order() int {
	if s == Error {
		return 0
	}
	return 1
}

// summarize ends the findings of one check with the count of those that were not listed.
func (r *run) summarize() {
	if more := r.count - MaxPerCheck; more > 0 {
		r.findings = append(r.findings, Finding{
			Check:    r.check.Name,
			Severity: r.severity,
			Message:  fmt.Sprintf("%s: %d more, not listed", r.check.Title, more),
			More:     more,
		})
	}
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
