package explain

import (
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/plugin/wave"
)

// legend explains the signs that the picture uses, and only those.
func (p *picture) legend() {
	x, y := margin, p.bottom()+12+legendHeight/2
	sample := func(look, text string) {
		p.path(fmt.Sprintf("M%s %sh%s", num(x), num(y), num(24-arrowSize)), look+` fill="none"`)
		p.arrow(x+24, y, 1, look)
		p.text(x+31, y+4, fontSmall, inkSoft, text)
		x += 31 + fontSmall.width(text) + 18
	}
	used := func(look string) bool {
		return slices.ContainsFunc(p.layers.routes, func(r route) bool { return lookOf(r.link, r.back) == look })
	}
	if used(lookHealthy) {
		sample(lookHealthy, "must be healthy first")
	}
	if used(lookApplied) {
		sample(lookApplied, "must exist first")
	}
	if used(lookBack) {
		sample(lookBack, "comes too late")
	}
	if used(lookStuck) {
		sample(lookStuck, "deadlock")
	}
	if slices.ContainsFunc(p.graph.nodes, func(n node) bool { return len(n.gates()) > 0 }) {
		p.pause(x, y-4, inkGate)
		text := "Argo CD waits here before the next wave"
		p.text(x+pauseRoom, y+4, fontSmall, inkSoft, text)
		x += pauseRoom + fontSmall.width(text) + 18
	}
	if hidden := len(p.graph.links) - len(p.layers.routes); hidden > 0 {
		p.text(x, y+4, fontSmall, inkSoft, count(hidden, "implied arrow")+" left out")
	}
}

// findingLines writes the findings under the picture, the gravest first.
func (p *picture) findingLines() {
	y := p.foot + 14
	room := p.width - 2*margin
	for i, f := range p.findings {
		if i == mostFindings {
			p.text(margin, y, fontSmall, inkSoft, fmt.Sprintf("and %d more", len(p.findings)-mostFindings))
			return
		}
		ink := inkGate
		if f.Severity == wave.Deadlock {
			ink = inkAlarm
		}
		message := visible(string(f.Severity)) + ": " + visible(f.Message)
		p.group([]string{visible(f.Rule), visible(f.Message)}, func() {
			p.text(margin, y, fontSmall, ink, fontSmall.fit(message, room))
		})
		y += findingLine
	}
}
