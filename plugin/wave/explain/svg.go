package explain

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/plugin/wave"
)

// pictureBounds keep a picture legible whatever the plan's size.
var pictureBounds = bounds{nodes: 60, stageNodes: 24, stages: 16}

// The picture's measures, in pixels.
const (
	margin       = 20.0
	titleHeight  = 62.0
	stageHeader  = 52.0
	stageFooter  = 34.0
	stagePadding = 10.0
	boxHeight    = 44.0
	gateHeight   = 5.0 // and gateLine for each line of it
	gateLine     = 13.0
	boxPadding   = 12.0
	minBox       = 150.0
	maxBox       = 250.0
	crowdedBox   = 196.0 // maxBox where there are many stages
	manyStages   = 6
	minGap       = 40.0
	maxGap       = 96.0
	minWidth     = 860.0
	legendHeight = 34.0
	findingLine  = 20.0
	mostFindings = 5
)

// picture is a plan on its way to becoming an SVG document.
type picture struct {
	*canvas
	plan   *wave.Plan
	graph  *graph
	layers *layered

	boxWidth      float64
	left          []float64 // of each stage
	top           float64   // of the stages
	contentTop    float64
	contentHeight float64
	foot          float64 // where the findings start
	width, height float64
	findings      []wave.Finding
}

// writeSVG draws the plan: stages as columns from first to last, resources as boxes, links as curves. The picture brings
// its own background, so that it reads on a light page and on a dark one.
func writeSVG(out *bytes.Buffer, plan *wave.Plan, opts Options) error {
	p := &picture{canvas: &canvas{out: out}, plan: plan, graph: newGraph(plan, pictureBounds)}
	p.findings = gravestFirst(plan.Findings)
	p.boxWidth = widthOfBoxes(p.graph, plan.Namespace)
	p.layers = newLayered(p.graph, p.boxHeight)
	p.measure()

	title := "Sync waves"
	if opts.Title != "" {
		title = "Sync waves of " + visible(opts.Title)
	}
	p.open(p.width, p.height, title, p.summary())
	p.rect(0.5, 0.5, p.width-1, p.height-1, 12, `fill="#ffffff" stroke="#d0d7de"`)
	p.text(margin, margin+18, fontTitle, inkStrong, clipMiddle(title, int((p.width-2*margin)/11)))
	p.text(margin, margin+38, fontSmall, inkSoft, clip(p.summary(), int((p.width-2*margin)/6.4)))
	for i, s := range p.graph.stages {
		p.stage(i, s)
	}
	p.routes()
	for _, it := range p.layers.items {
		if !it.passage() {
			p.box(it)
		}
	}
	p.legend()
	p.findingLines()
	p.close()
	return nil
}

// widthOfBoxes is what the longest kind or name needs, within limits.
func widthOfBoxes(g *graph, destination string) float64 {
	width := minBox
	for _, n := range g.nodes {
		kind, name := n.labels(destination)
		width = max(width, 2*boxPadding+fontKind.width(kind), 2*boxPadding+fontName.width(name))
	}
	if len(g.stages) > manyStages {
		return min(width, crowdedBox)
	}
	return min(width, maxBox)
}

func (p *picture) boxHeight(n node) float64 {
	if lines := p.gateLabel(n); len(lines) > 0 {
		return boxHeight + gateHeight + gateLine*float64(len(lines))
	}
	return boxHeight
}

// gateLabel says in at most two short lines what Argo CD waits for; nothing where it does not wait.
func (p *picture) gateLabel(n node) []string {
	gates, label := n.gates(), ""
	switch {
	case len(gates) == 0:
		return nil
	case len(gates) > 1:
		label = fmt.Sprintf("until all %d are healthy", len(gates))
	case gates[0].Until == "":
		label = "until healthy"
	default:
		label = "until " + visible(gates[0].Until)
	}
	room := p.boxWidth - 2*boxPadding - pauseRoom
	lines := wrap(label, int(room/fontTiny.char))
	if len(lines) > 2 {
		lines = []string{lines[0], strings.Join(lines[1:], " ")}
	}
	for i, line := range lines {
		lines[i] = fontTiny.fit(line, room)
	}
	return lines
}

// measure works out where everything goes.
func (p *picture) measure() {
	p.contentHeight = max(p.layers.place(), boxHeight)

	p.top = margin + titleHeight
	p.contentTop = p.top + stageHeader
	x := margin
	gaps := p.gaps()
	for i := range p.graph.stages {
		p.left = append(p.left, x)
		x += p.stageWidth()
		if i < len(gaps) {
			x += gaps[i]
		}
	}
	p.width = max(x+margin, minWidth)
	if spare := (p.width - margin - x) / 2; spare > 0 {
		for i := range p.left {
			p.left[i] += spare
		}
	}
	p.foot = p.top
	if len(p.graph.stages) > 0 {
		p.foot = p.bottom() + 12 + legendHeight
	}
	p.height = p.foot + margin/2
	if n := len(p.findings); n > 0 {
		p.height += findingLine*float64(min(n, mostFindings+1)) + 6
	}
}

func (p *picture) stageWidth() float64 { return p.boxWidth + 2*stagePadding }

// bottom is where the stages end.
func (p *picture) bottom() float64 { return p.contentTop + p.contentHeight + stageFooter }

// gaps are wider the more lines run through them.
func (p *picture) gaps() []float64 {
	gaps := make([]float64, max(0, len(p.graph.stages)-1))
	lines := make([]int, len(p.graph.stages)+1)
	for _, s := range p.layers.lines {
		lines[p.layers.items[s.left].column]++
	}
	for i := range gaps {
		gaps[i] = min(maxGap, minGap+2*float64(lines[i]))
	}
	for _, r := range p.layers.routes {
		if column := p.layers.items[r.link.first].column; len(r.lines) == 0 && column < len(gaps) {
			gaps[column] = max(gaps[column], minGap+loopRoom)
		}
	}
	return gaps
}

func (p *picture) summary() string {
	n := resourceCount(p.plan)
	if n == 0 && len(p.plan.Hooks) == 0 {
		return "No resources, nothing to order."
	}
	s := fmt.Sprintf("%s in %s", count(n, "resource"), count(len(p.plan.Waves), "wave"))
	if hooks := len(p.plan.Hooks); hooks > 0 {
		s += ", " + count(hooks, "hook")
	}
	if p.plan.Namespace != "" {
		s += ", for namespace " + visible(p.plan.Namespace)
	}
	if waves := len(p.plan.Waves); waves > 1 {
		s += fmt.Sprintf(" · the order costs at least %s: (%d waves - 1) × %s",
			time.Duration(p.plan.Cost), waves, time.Duration(p.plan.Delay))
	}
	return s
}
