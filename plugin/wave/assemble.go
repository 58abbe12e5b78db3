package wave

import (
	"cmp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/plugin/wave/argocd"
)

// plan puts the result together.
func (p *planner) plan() *Plan {
	end := p.ending()
	gates := p.gates(end)
	plan := &Plan{
		Mode:      p.opts.mode(),
		Namespace: p.opts.Namespace,
		Waves:     []Wave{},
		Edges:     p.shownEdges(),
		Findings:  p.sortedFindings(),
		Delay:     Duration(p.opts.delay()),
	}
	for _, i := range p.order() {
		r := p.resource(i, gates[i])
		if p.slots[i].hook != nil {
			plan.Hooks = append(plan.Hooks, r)
			continue
		}
		if n := len(plan.Waves); n == 0 || plan.Waves[n-1].Number != r.Wave {
			plan.Waves = append(plan.Waves, Wave{Number: r.Wave, Gated: end.gated(r.Wave)})
		}
		last := &plan.Waves[len(plan.Waves)-1]
		last.Resources = append(last.Resources, r)
	}
	plan.Cost = Duration(time.Duration(max(len(plan.Waves)-1, 0)) * p.opts.delay())
	return plan
}

func (p *planner) resource(i int, gate *Gate) Resource {
	s := &p.slots[i]
	r := Resource{
		ID:         p.set.Items[i].ID,
		APIVersion: p.set.Items[i].Object.APIVersion(),
		Index:      i,
		Wave:       s.wave,
		Tier:       s.tier.Name,
		Pinned:     s.pin.Annotation != "" && s.hook == nil,
		Reason:     s.reason,
		Gate:       gate,
	}
	if s.hook != nil {
		r.Hook = s.hook.Text
		r.Wave = s.pin.Wave
	}
	return r
}

// order is that in which Argo CD applies: phase, wave, kind, name.
func (p *planner) order() []int {
	order := make([]int, len(p.slots))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := p.set.Items[a].ID, p.set.Items[b].ID
		return cmp.Or(
			cmp.Compare(p.slots[a].phase(), p.slots[b].phase()),
			cmp.Compare(p.slots[a].wave, p.slots[b].wave),
			cmp.Compare(argocd.KindOrder(x.Kind), argocd.KindOrder(y.Kind)),
			cmp.Compare(x.Name, y.Name),
			cmp.Compare(a, b),
		)
	})
	return order
}

func sortPositions(positions []position) {
	slices.SortFunc(positions, func(a, b position) int {
		return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.wave, b.wave))
	})
}

// shownEdges are all references; those that decide nothing only where the order happens to suit them.
func (p *planner) shownEdges() []Edge {
	edges := make([]Edge, 0, len(p.edges))
	for n, e := range p.edges {
		if !p.inert[n] || p.kept(e.From, e.To, e.Strength) {
			edges = append(edges, p.edge(e))
		}
	}
	return edges
}

// kept says whether the order honours a reference.
func (p *planner) kept(from, to int, strength Strength) bool {
	a, b := p.position(to), p.position(from)
	return a.before(b) || a == b && p.distance(from, to, strength) == 0
}

func (p *planner) position(i int) position { return position{p.slots[i].phase(), p.slots[i].wave} }

func (p *planner) sortedFindings() []Finding {
	rank := map[Severity]int{Deadlock: 0, Warning: 1}
	slices.SortStableFunc(p.findings, func(a, b Finding) int { return rank[a.Severity] - rank[b.Severity] })
	return p.findings
}
