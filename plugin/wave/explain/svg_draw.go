package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/wave"
)

// tierInks tell the tiers apart; what is no built-in tier has the last one.
var tierInks = map[string]string{
	"foundations":   "#57606a",
	"access":        "#8250df",
	"configuration": "#1b7c83",
	"workloads":     "#0969da",
	"admission":     "#bc4c00",
	"leaf":          "#4d8a3d",
}

const (
	otherInk = "#6e7781"

	lookApplied = `stroke="#8c959f" stroke-width="1.3"`
	lookHealthy = `stroke="#0550ae" stroke-width="2.6"`
	lookBack    = `stroke="#bf8700" stroke-width="1.6" stroke-dasharray="5 4"`
	lookStuck   = `stroke="#cf222e" stroke-width="2.6"`

	// loopRoom is how far a curve between two boxes of one column stands out.
	loopRoom  = 30.0
	arrowSize = 7.0
	// pauseRoom is how much the sign of a gate takes before its text.
	pauseRoom = 13.0
)

func lookOf(l link, back bool) string {
	switch {
	case l.stuck:
		return lookStuck
	case back:
		return lookBack
	case l.strength == wave.Healthy:
		return lookHealthy
	}
	return lookApplied
}

// stage draws a column's background, its heading and what happens at its end.
func (p *picture) stage(index int, s stage) {
	x, width := p.left[index], p.stageWidth()
	fill := "#f6f8fa"
	if s.hooks {
		fill = "#fbf7ff"
	}
	p.rect(x, p.top, width, p.bottom()-p.top, 10, `fill="`+fill+`" stroke="#e4e8ec"`)
	room := width - 2*stagePadding
	p.text(x+stagePadding, p.top+23, fontStage, inkStrong, fontStage.fit(s.name, room))
	p.text(x+stagePadding, p.top+39, fontTiny, inkSoft, fontTiny.fit(s.note, room))

	gates := 0
	for _, n := range s.nodes {
		gates += len(p.graph.nodes[n].gates())
	}
	y := p.bottom() - 13
	switch {
	case s.hooks:
	case !s.gated:
		p.text(x+stagePadding, y, fontTiny, inkSoft, "not waited for")
	case gates == 0:
		p.text(x+stagePadding, y, fontTiny, inkSoft, "nothing to wait for")
	default:
		p.pause(x+stagePadding, y-8.5, inkGate)
		p.text(x+stagePadding+pauseRoom, y, fontTiny, inkGate, "waits for "+count(gates, "resource"))
	}
	if index+1 < len(p.left) {
		middle := (x + width + p.left[index+1]) / 2
		p.path(fmt.Sprintf("M%s %sl6 6l-6 6", num(middle-3), num(p.top+17)), `stroke="#afb8c1" stroke-width="2" fill="none" stroke-linecap="round" stroke-linejoin="round"`)
	}
}

// box draws a resource, or several of one kind as a stack.
func (p *picture) box(it item) {
	n := p.graph.nodes[it.node]
	kind, name := n.labels(p.plan.Namespace)
	x, y := p.boxLeft(it), p.contentTop+it.y-it.height/2
	border, fill := `stroke="#c9d1d9"`, "#ffffff"
	switch {
	case n.deadlocked:
		border, fill = `stroke="`+inkAlarm+`" stroke-width="1.8"`, "#fff1f0"
	case n.warned:
		border = `stroke="#bf8700" stroke-width="1.5"`
	}
	ink := tierInk(n)
	room := p.boxWidth - 2*boxPadding
	p.group(nodeDetails(n, p.plan.Namespace), func() {
		if len(n.resources) > 1 {
			p.rect(x+4, y+4, p.boxWidth, it.height, 7, `fill="`+fill+`" `+border)
		}
		p.rect(x, y, p.boxWidth, it.height, 7, `fill="`+fill+`" `+border)
		p.rect(x+1, y+8, 3, it.height-16, 1.5, `fill="`+ink+`"`)
		p.text(x+boxPadding, y+18, fontKind, ink, fontKind.fit(kind, room))
		p.text(x+boxPadding, y+34, fontName, inkStrong, clipMiddle(name, int(room/fontName.char)))
		for i, line := range p.gateLabel(n) {
			if i == 0 {
				p.pause(x+boxPadding, y+43, inkGate)
			}
			p.text(x+boxPadding+pauseRoom, y+51+gateLine*float64(i), fontTiny, inkGate, line)
		}
	})
}

func tierInk(n node) string {
	if ink, known := tierInks[n.resources[0].Tier]; known {
		return ink
	}
	return otherInk
}

func (p *picture) boxLeft(it item) float64 { return p.left[it.column] + stagePadding }

// routes draws the links: first the plain ones, so that those that matter lie on top.
func (p *picture) routes() {
	ports := p.ports()
	rank := []string{lookApplied, lookBack, lookHealthy, lookStuck}
	routes := slices.Clone(p.layers.routes)
	slices.SortStableFunc(routes, func(a, b route) int {
		return cmp.Compare(slices.Index(rank, lookOf(a.link, a.back)), slices.Index(rank, lookOf(b.link, b.back)))
	})
	for _, r := range routes {
		p.group(p.linkDetails(r.link), func() { p.route(r, ports) })
	}
}

func (p *picture) linkDetails(l link) []string {
	first, then := p.graph.nodes[l.first], p.graph.nodes[l.then]
	need := "exist"
	if l.strength == wave.Healthy {
		need = "be healthy"
	}
	name := func(n node) string {
		if len(n.resources) == 1 {
			return shortID(n.resources[0].ID, p.plan.Namespace)
		}
		kind, many := n.labels(p.plan.Namespace)
		return kind + " " + many
	}
	details := []string{fmt.Sprintf("%s must %s before %s", name(first), need, name(then))}
	if fields := l.fieldsText(); fields != "" {
		details = append(details, fields)
	}
	return details
}

func (p *picture) route(r route, ports map[port]float64) {
	look := lookOf(r.link, r.back)
	if len(r.lines) == 0 {
		p.loop(r.link, look)
		return
	}
	var d strings.Builder
	for i, at := range r.lines {
		step := p.layers.lines[at]
		left, right := p.layers.items[step.left], p.layers.items[step.right]
		x1, y1 := p.boxLeft(left)+p.boxWidth, p.contentTop+ports[port{at, step.left}]
		x2, y2 := p.boxLeft(right), p.contentTop+ports[port{at, step.right}]
		if i == 0 {
			if r.back {
				p.arrow(x1, y1, -1, look)
				x1 += arrowSize
			}
			fmt.Fprintf(&d, "M%s %s", num(x1), num(y1))
		} else {
			fmt.Fprintf(&d, "L%s %s", num(x1), num(y1))
		}
		if last := i == len(r.lines)-1; last && !r.back {
			p.arrow(x2, y2, 1, look)
			x2 -= arrowSize
		}
		bend := (x2 - x1) * 0.5
		fmt.Fprintf(&d, "C%s %s %s %s %s %s", num(x1+bend), num(y1), num(x2-bend), num(y2), num(x2), num(y2))
	}
	p.path(d.String(), look+` fill="none"`)
}

// loop draws a link between two boxes of one column, on their right.
func (p *picture) loop(l link, look string) {
	first, then := p.layers.items[l.first], p.layers.items[l.then]
	x := p.boxLeft(first) + p.boxWidth
	lean := 10.0
	if first.y > then.y {
		lean = -lean
	}
	y1, y2 := p.contentTop+first.y+lean, p.contentTop+then.y-lean
	p.arrow(x, y2, -1, look)
	p.path(fmt.Sprintf("M%s %sC%s %s %s %s %s %s", num(x), num(y1), num(x+loopRoom), num(y1), num(x+loopRoom), num(y2),
		num(x+arrowSize), num(y2)), look+` fill="none"`)
}

// arrow draws an arrowhead with its tip at x, y; direction 1 points right, -1 left.
func (p *picture) arrow(x, y, direction float64, look string) {
	_, ink, _ := strings.Cut(look, `"`)
	ink, _, _ = strings.Cut(ink, `"`)
	back := x - direction*(arrowSize+1)
	p.path(fmt.Sprintf("M%s %sL%s %sL%s %sZ", num(x), num(y), num(back), num(y-4), num(back), num(y+4)), `fill="`+ink+`"`)
}

// port is where a line meets an item.
type port struct{ line, item int }

// ports spreads the lines that meet one side of a box over that side, in the order of where they come from.
func (p *picture) ports() map[port]float64 {
	l := p.layers
	ports := map[port]float64{}
	rightSide, leftSide := map[int][]int{}, map[int][]int{}
	for i, s := range l.lines {
		rightSide[s.left] = append(rightSide[s.left], i)
		leftSide[s.right] = append(leftSide[s.right], i)
	}
	spread := func(sides map[int][]int, other func(line) int) {
		for _, at := range slices.Sorted(maps.Keys(sides)) {
			lines, it := sides[at], l.items[at]
			slices.SortStableFunc(lines, func(a, b int) int {
				return cmp.Compare(l.items[other(l.lines[a])].y, l.items[other(l.lines[b])].y)
			})
			step := 0.0
			if !it.passage() {
				step = min(11, (it.height-14)/float64(len(lines)))
			}
			for i, at2 := range lines {
				ports[port{at2, at}] = it.y + step*(float64(i)-float64(len(lines)-1)/2)
			}
		}
	}
	spread(rightSide, func(s line) int { return s.right })
	spread(leftSide, func(s line) int { return s.left })
	return ports
}
