package explain

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

const (
	// A cell longer than its column's limit has a line of its own; the next cells go on below it, still in their columns.
	kindLimit = 46
	nameLimit = 42
	// With less than this left on the terminal, reasons stand below their resources.
	reasonRoom = 34
	detail     = "      "
)

type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	yellow style = "33"
	alarm  style = "1;31"
)

// page lays text out for one terminal.
type page struct {
	out         *bytes.Buffer
	plan        *wave.Plan
	color       bool
	width       int
	kind, name  int // columns of the table
	reasonBelow bool
	deadlocked  map[manifest.ID]bool
	needs       map[manifest.ID][]manifest.ID
}

func writeText(out *bytes.Buffer, plan *wave.Plan, opts Options) error {
	p := &page{
		out: out, plan: plan, color: opts.Color, width: opts.Width,
		deadlocked: named(plan, wave.Deadlock), needs: needs(plan),
	}
	p.measure()
	p.header(opts.Title)
	for _, w := range plan.Waves {
		p.wave(w)
	}
	for _, phase := range hookPhases(plan.Hooks) {
		p.phase(phase)
	}
	p.findings()
	return nil
}

// measure sizes the table's columns once for the whole page, so that all waves line up.
func (p *page) measure() {
	each := func(r wave.Resource) {
		if n := columns(visible(r.ID.GroupKind())); n <= kindLimit {
			p.kind = max(p.kind, n)
		}
		if n := columns(shortName(r.ID, p.plan.Namespace)); n <= nameLimit {
			p.name = max(p.name, n)
		}
	}
	for _, w := range p.plan.Waves {
		for _, r := range w.Resources {
			each(r)
		}
	}
	for _, r := range p.plan.Hooks {
		each(r)
	}
	p.reasonBelow = p.width > 0 && p.width-p.reasonColumn() < reasonRoom
}

func (p *page) reasonColumn() int { return 2 + p.kind + 2 + p.name + 2 }

func (p *page) header(title string) {
	if title != "" {
		p.line("", bold, visible(title))
	}
	if resourceCount(p.plan)+len(p.plan.Hooks) == 0 {
		p.line("", plain, "No resources: nothing to order.")
		return
	}
	summary := fmt.Sprintf("%s in %s", count(resourceCount(p.plan), "resource"), count(len(p.plan.Waves), "wave"))
	if n := len(p.plan.Hooks); n > 0 {
		summary += ", and " + count(n, "hook")
	}
	if p.plan.Namespace != "" {
		summary += ", for namespace " + visible(p.plan.Namespace)
	}
	if p.plan.Mode != "" {
		summary += " (mode: " + visible(string(p.plan.Mode)) + ")"
	}
	p.line("", plain, summary+".")
	if len(p.plan.Waves) > 1 {
		last := "It does not wait for the last."
		if p.plan.Waves[len(p.plan.Waves)-1].Gated {
			last = "Because of a hook it waits for the last, too."
		}
		p.line("", plain, "Argo CD applies one wave after the other, and waits for the health of each before the next. "+last)
	}
	p.line("", plain, costText(p.plan))
	if found := findingsCount(p.plan.Findings); found != "" {
		p.line("", p.severest(), found+": see the end.")
	}
}

func (p *page) severest() style {
	if first := gravestFirst(p.plan.Findings)[0]; first.Severity == wave.Deadlock {
		return alarm
	}
	return yellow
}

func (p *page) wave(w wave.Wave) {
	p.out.WriteByte('\n')
	p.out.WriteString(p.paint(bold, fmt.Sprintf("Wave %d", w.Number)))
	if tiers := tierNames(w.Resources); tiers != "" {
		p.out.WriteString("  " + tiers)
	}
	if !w.Gated {
		p.out.WriteString(p.paint(dim, "  (not waited for)"))
	}
	p.out.WriteByte('\n')
	gates := 0
	for _, r := range w.Resources {
		p.resource(r)
		p.line(detail, dim, needsText(p.needs[r.ID], p.plan.Namespace))
		if w.Gated && r.Gate != nil {
			gates++
			p.line(detail, plain, gateText(r.Gate))
		}
	}
	if w.Gated && gates == 0 {
		p.line(detail, dim, "waits for: nothing that takes time")
	}
}

func (p *page) phase(phase phase) {
	p.out.WriteByte('\n')
	p.out.WriteString(p.paint(bold, phase.name+" hooks") + "  " + phase.when + "\n")
	for _, r := range phase.hooks {
		if phase.name == otherPhase {
			r.Reason.Text += "; phase " + r.Hook
		}
		if r.Wave != 0 {
			r.Reason.Text += fmt.Sprintf("; wave %d of its phase", r.Wave)
		}
		r.Reason.Text = strings.TrimPrefix(r.Reason.Text, "; ")
		p.resource(r)
	}
}

// resource writes one row: kind, name, reason.
func (p *page) resource(r wave.Resource) {
	kind, name := visible(r.ID.GroupKind()), shortName(r.ID, p.plan.Namespace)
	look := plain
	if p.deadlocked[r.ID] {
		look = red
	}
	row := row{page: p}
	row.cell(2, look, kind)
	row.cell(2+p.kind+2, look, name)
	reason := reasonText(r.Reason)
	if p.reasonBelow {
		row.end()
		p.line(detail, dim, reason)
		return
	}
	at := p.reasonColumn()
	for i, part := range wrap(reason, max(0, p.width-at)) {
		if i > 0 {
			row.end()
		}
		row.cell(at, dim, part)
	}
	row.end()
}

func (p *page) findings() {
	if len(p.plan.Findings) == 0 {
		return
	}
	p.out.WriteByte('\n')
	p.out.WriteString(p.paint(bold, "Findings") + "\n")
	for _, f := range gravestFirst(p.plan.Findings) {
		look := yellow
		if f.Severity == wave.Deadlock {
			look = alarm
		}
		p.line("  ", look, visible(string(f.Severity))+": "+visible(f.Rule))
		p.line(detail, plain, visible(f.Message))
		for _, id := range f.Resources {
			p.line(detail, dim, "- "+shortID(id, p.plan.Namespace))
		}
	}
}

// line writes indented text, wrapped at the terminal's width.
func (p *page) line(indent string, s style, text string) {
	if text == "" {
		return
	}
	width := 0
	if p.width > 0 {
		width = max(20, p.width-len(indent))
	}
	for _, part := range wrap(text, width) {
		p.out.WriteString(indent + p.paint(s, part) + "\n")
	}
}

func (p *page) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// row writes cells at fixed columns; a cell that would start inside the one before it starts on a new line instead.
type row struct {
	page *page
	at   int
}

func (r *row) cell(column int, s style, text string) {
	if text == "" {
		return
	}
	if r.at > 0 && r.at+2 > column {
		r.end()
	}
	r.page.out.WriteString(strings.Repeat(" ", column-r.at) + r.page.paint(s, text))
	r.at = column + columns(text)
}

func (r *row) end() {
	r.page.out.WriteByte('\n')
	r.at = 0
}

// named are the resources that findings of a severity name.
func named(plan *wave.Plan, severity wave.Severity) map[manifest.ID]bool {
	ids := map[manifest.ID]bool{}
	for _, f := range plan.Findings {
		if f.Severity == severity {
			for _, id := range f.Resources {
				ids[id] = true
			}
		}
	}
	return ids
}
