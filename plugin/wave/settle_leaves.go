package wave

import "github.com/tidegate/tidegate/plugin/wave/graph"

// settleLeaves puts the leaves after all that can be before them. In minimal mode they make no wave of their own, but
// what Argo CD could wait for goes into the last there is.
func (p *planner) settleLeaves() {
	minimal := p.opts.mode() == Minimal
	base := 0
	if !minimal {
		base = max(leafWave, p.lastWave(func(s *slot) bool { return !s.leaf && !s.fixed() })+1)
	}
	floor := make([]int, len(p.slots))
	for i := range p.slots {
		if s := &p.slots[i]; s.leaf {
			floor[i] = base
		} else {
			floor[i] = s.wave
		}
	}
	r := p.leafRound()
	p.placeLeaves(r, floor)
	if minimal {
		p.waitLast(floor)
		p.placeLeaves(r, floor)
	}
}

// lastWave is the last of the sync phase that holds one of these.
func (p *planner) lastWave(of func(*slot) bool) int {
	last := lowest
	for i := range p.slots {
		if s := &p.slots[i]; s.phase() == syncPhase && of(s) {
			last = max(last, s.wave)
		}
	}
	return last
}

// leafRound is the graph of the leaves and what they need. Among themselves they share a wave, however far up that is:
// nothing of it is waited for.
func (p *planner) leafRound() *round {
	r := &round{graph: graph.New(len(p.slots))}
	for n, e := range p.edges {
		if p.inert[n] || p.ignored[n] || !p.slots[e.From].leaf || p.slots[e.To].phase() != syncPhase {
			continue
		}
		weight := 0
		if !p.slots[e.To].leaf {
			weight = p.distance(e.From, e.To, e.Strength)
		} else if p.uses(e) {
			r.add(e.To, e.From, 0, -1)
		}
		r.add(e.From, e.To, weight, n)
	}
	for _, t := range p.together {
		if p.slots[t.from].leaf && p.slots[t.to].phase() == syncPhase {
			r.add(t.from, t.to, 0, -1)
		}
	}
	r.components = r.graph.Components()
	return r
}

func (p *planner) placeLeaves(r *round, floor []int) {
	level, by := r.graph.Levels(r.components, floor)
	for i := range p.slots {
		s := &p.slots[i]
		if !s.leaf {
			continue
		}
		s.wave, s.by = level[i], -1
		if by[i] >= 0 {
			s.by = r.edges[by[i]]
		}
	}
}

// lastWaveRule is the rule of what minimal mode puts where nothing is waited for.
const lastWaveRule = "last-wave"

// waitLast lifts the leaves that Argo CD could wait for into the last wave.
func (p *planner) waitLast(floor []int) {
	last := p.lastWave(func(*slot) bool { return true })
	for i := range p.slots {
		s := &p.slots[i]
		if !s.leaf || !s.waits || s.wave >= last {
			continue
		}
		floor[i] = last
		if s.rule != certificateWithSolver && s.rule != claimWithConsumer && s.rule != withNeededLeaf {
			s.rule, s.text = lastWaveRule, "nothing needs it, so it goes where Argo CD waits for nothing"
		}
	}
}
