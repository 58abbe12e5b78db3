package wave

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
	"github.com/tidegate/tidegate/plugin/wave/graph"
)

// CycleError is an order that people declared in a circle.
type CycleError struct {
	// Steps lead from the first object back to it; each needs the next first.
	Steps []CycleStep
}

// CycleStep is one object of a cycle, and why it comes after the next one.
type CycleStep struct {
	ID manifest.ID
	// Because is the field that says so, or the two waves.
	Because string
}

// Error prints the cycle, resource by resource.
func (e *CycleError) Error() string {
	var out strings.Builder
	out.WriteString("the order declared with depends-on and sync waves runs in a circle:")
	for i, step := range e.Steps {
		fmt.Fprintf(&out, "\n  %s comes after %s: %s", step.ID, e.Steps[(i+1)%len(e.Steps)].ID, step.Because)
	}
	out.WriteString("\nremove one of these")
	return out.String()
}

// contradiction looks for a cycle among what people declared: depends-on, and the order of pinned waves. Pins come in
// through one vertex per wave, so that they stay linear.
func (p *planner) contradiction() error {
	pinned := p.pinnedByWave()
	g := graph.New(len(p.slots) + len(pinned))
	because := map[int]string{}
	for _, e := range p.edges {
		if !e.Declared {
			continue
		}
		because[g.Add(e.From, e.To, 0)] = e.Field
		if e.From == e.To {
			return &CycleError{[]CycleStep{{p.set.Items[e.From].ID, e.Field}}}
		}
	}
	if len(because) == 0 {
		return nil
	}
	for n, members := range pinned {
		for _, i := range members {
			g.Add(len(p.slots)+n, i, 0)
			if n > 0 {
				g.Add(i, len(p.slots)+n-1, 0)
			}
		}
		if n > 0 {
			g.Add(len(p.slots)+n, len(p.slots)+n-1, 0)
		}
	}
	for _, members := range g.Components().Cycles() {
		return p.cycleError(g, g.Cycle(members), because)
	}
	return nil
}

// pinnedByWave groups what is pinned in the sync phase by wave, ascending.
func (p *planner) pinnedByWave() [][]int {
	var pinned []int
	for i := range p.slots {
		if s := &p.slots[i]; s.pin.Annotation != "" && s.phase() == syncPhase {
			pinned = append(pinned, i)
		}
	}
	slices.SortStableFunc(pinned, func(a, b int) int { return cmp.Compare(p.slots[a].pin.Wave, p.slots[b].pin.Wave) })
	var groups [][]int
	for n, i := range pinned {
		if n == 0 || p.slots[pinned[n-1]].pin.Wave != p.slots[i].pin.Wave {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], i)
	}
	return groups
}

// cycleError leaves the vertices of waves out of the cycle.
func (p *planner) cycleError(g *graph.Graph, cycle []int, because map[int]string) error {
	var steps []CycleStep
	start := slices.IndexFunc(cycle, func(n int) bool { return because[n] != "" })
	for at := range cycle {
		number := cycle[(start+at)%len(cycle)]
		from := g.Edge(number).From
		if from >= len(p.slots) {
			continue
		}
		step := CycleStep{p.set.Items[from].ID, because[number]}
		if step.Because == "" {
			step.Because = fmt.Sprintf("%s %d is the later wave", argocd.WaveAnnotation, p.slots[from].pin.Wave)
		}
		steps = append(steps, step)
	}
	return &CycleError{steps}
}

// overrule lets declared orders win over references: in a cycle that holds both, the references inside it decide
// nothing. It says whether there was one.
func (p *planner) overrule(r *round) bool {
	cyclic := map[int]bool{}
	for _, members := range r.components.Cycles() {
		cyclic[r.components.Of(members[0])] = true
	}
	inside := func(from, to int) bool {
		c := r.components.Of(from)
		return cyclic[c] && r.components.Of(to) == c
	}
	declared := map[int]bool{}
	for n, e := range p.edges {
		if e.Declared && p.decides(n, e) && inside(e.From, e.To) {
			declared[r.components.Of(e.From)] = true
		}
	}
	if len(declared) == 0 {
		return false
	}
	for n, e := range p.edges {
		if !e.Declared && p.decides(n, e) && inside(e.From, e.To) && declared[r.components.Of(e.From)] {
			p.ignored[n] = true
			p.found(Warning, "declared-against-reference", []int{e.From, e.To},
				"%s needs %s first (%s), but depends-on says the opposite, and wins; remove one of the two",
				p.name(e.From), p.name(e.To), e.Field)
		}
	}
	return true
}

// reportCycles: rule 7. What refers to each other in a circle shares a wave.
func (p *planner) reportCycles(r *round) {
	quiet := map[int]bool{}
	for _, t := range p.together {
		if r.components.Of(t.from) == r.components.Of(t.to) {
			quiet[r.components.Of(t.from)] = true
		}
	}
	for _, members := range r.components.Cycles() {
		if quiet[r.components.Of(members[0])] {
			continue
		}
		var steps []string
		for _, number := range r.graph.Cycle(members) {
			if n := r.edges[number]; n >= 0 {
				e := p.edges[n]
				steps = append(steps, fmt.Sprintf("%s needs %s (%s)", p.name(e.From), p.name(e.To), e.Field))
			}
		}
		for _, i := range members {
			p.slots[i].rule, p.slots[i].text = "collapsed-cycle", "it is part of a circle of references, which shares one wave"
		}
		p.found(Warning, "collapsed-cycle", members,
			"these refer to each other in a circle and are put into one wave: %s; break the circle if one must really come first",
			strings.Join(steps, ", "))
	}
}
