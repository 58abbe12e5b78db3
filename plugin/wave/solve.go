package wave

import (
	"github.com/tidegate/tidegate/plugin/wave/argocd"
	"github.com/tidegate/tidegate/plugin/wave/graph"
	"github.com/tidegate/tidegate/plugin/wave/refer"
)

const syncPhase = argocd.Sync

// lowest is a floor under every wave, for what has none of its own.
const lowest = -1 << 30

// solve finds the wave of everything: the longest path over the edges from the floors. Claims need two rounds, because
// the first of a claim's users is known only after the first.
func (p *planner) solve() {
	floor := p.floors()
	round := p.round(nil)
	if p.overrule(round) {
		round = p.round(nil)
	}
	round.level, round.by = round.graph.Levels(round.components, floor)
	p.reportCycles(round)

	links := p.claimLinks(round)
	linked := p.round(links)
	if p.breakLinks(round, linked, links, floor) {
		linked = p.round(links)
	}
	linked.level, linked.by = linked.graph.Levels(linked.components, floor)
	p.settle(linked)
	p.settleLeaves()
}

// round is one graph with its solution. Its edges carry the number of the reference they stand for, or -1.
type round struct {
	graph      *graph.Graph
	components *graph.Components
	edges      []int
	level, by  []int
}

func (r *round) add(from, to, weight, edge int) {
	r.graph.Add(from, to, weight)
	r.edges = append(r.edges, edge)
}

// round builds the graph of everything that must be before the leaves. Links tie a claim to its first user: the claim
// goes no earlier, and the user waits for what the claim needs, not for the claim.
func (p *planner) round(links map[int]int) *round {
	r := &round{graph: graph.New(len(p.slots))}
	for n, e := range p.edges {
		if !p.decides(n, e) {
			continue
		}
		user, isClaim := links[e.From]
		if first, ok := links[e.To]; ok && first == e.From && p.uses(e) {
			continue
		}
		weight := p.distance(e.From, e.To, e.Strength)
		r.add(e.From, e.To, weight, n)
		if isClaim && user != e.To && !p.slots[user].fixed() {
			r.add(user, e.To, weight, n)
		}
	}
	for _, t := range p.together {
		if !p.slots[t.from].fixed() && !p.slots[t.from].leaf {
			r.add(t.from, t.to, 0, -1)
		}
	}
	for claim := range p.slots {
		if user, ok := links[claim]; ok {
			r.add(claim, user, 0, -1)
		}
	}
	r.components = r.graph.Components()
	return r
}

// decides says whether an edge can move what it starts from. What is fixed stays where it is; leaves come last anyway;
// hooks of other phases are before or after everything.
func (p *planner) decides(n int, e refer.Edge) bool {
	from, to := &p.slots[e.From], &p.slots[e.To]
	return !p.inert[n] && !p.ignored[n] && !from.fixed() && !from.leaf && to.phase() == syncPhase
}

// floors are the waves below which nothing puts an object: those of the tiers, of pins, and none for a claim, which
// follows its users.
func (p *planner) floors() []int {
	used := map[int]bool{}
	for n, e := range p.edges {
		if p.uses(e) && !p.inert[n] && p.slots[e.From].phase() == syncPhase {
			used[e.To] = true
		}
	}
	floor := make([]int, len(p.slots))
	for i := range p.slots {
		switch s := &p.slots[i]; {
		case s.fixed():
			floor[i] = s.pin.Wave
		case used[i]:
			floor[i] = lowest
		default:
			floor[i] = p.floor(s)
		}
	}
	return floor
}

func (p *planner) floor(s *slot) int {
	if p.opts.mode() == Minimal {
		return 0
	}
	return s.tier.Wave
}

// settle writes down the waves of all but the leaves.
func (p *planner) settle(r *round) {
	for i := range p.slots {
		s := &p.slots[i]
		if s.fixed() {
			s.wave = s.pin.Wave
			continue
		}
		if s.leaf {
			continue
		}
		s.wave = r.level[i]
		if number := r.by[i]; number >= 0 {
			s.by = r.edges[number]
			if s.by < 0 && s.rule == "" && p.set.Items[i].Kind != claimKind {
				s.rule, s.text = certificateWithSolver, "with "+p.name(r.graph.Edge(number).To)+", since each would wait for the other"
			}
		}
	}
}
