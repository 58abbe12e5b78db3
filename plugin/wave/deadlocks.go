package wave

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/wave/argocd"
	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// inspectEdge: rule 8 and pins that contradict an edge.
func (p *planner) inspectEdge(e refer.Edge, end ending) {
	from, to := &p.slots[e.From], &p.slots[e.To]
	if from.phase() > argocd.PostSync || to.phase() == argocd.Never || p.lifted(e.To) || p.kept(e.From, e.To, e.Strength) {
		return
	}
	holds := !e.Soft && p.holds(e.From, end)
	later := p.position(e.From).before(p.position(e.To))
	switch {
	case from.phase() == argocd.PreSync && to.phase() != argocd.PreSync:
		if e.Soft {
			return
		}
		severity := Warning
		if holds {
			severity = Deadlock
		}
		p.found(severity, "hook-needs-sync", []int{e.From, e.To},
			"the PreSync hook %s needs %s (%s), which is applied only after it; make that a PreSync hook in an earlier wave, or the hook a Sync hook",
			p.name(e.From), p.name(e.To), e.Field)
	case later && holds:
		p.found(Deadlock, "gate-before-need", []int{e.From, e.To},
			"Argo CD waits for %s (%s) to be %s, which needs %s (%s) of the later %s; %s",
			p.name(e.From), p.where(e.From), from.wait.Until, p.name(e.To), e.Field, p.where(e.To), p.wayOut(e.From, e.To))
	case from.fixed() || to.fixed():
		p.found(Warning, "pin-against-edge", []int{e.From, e.To},
			"%s (%s) needs %s (%s) first (%s); %s",
			p.name(e.From), p.where(e.From), p.name(e.To), p.where(e.To), e.Field, p.wayOut(e.From, e.To))
	}
}

// holds says whether Argo CD waits for an object that it cannot apply last.
func (p *planner) holds(i int, end ending) bool {
	s := &p.slots[i]
	return s.waits && (s.hook != nil || end.gated(s.wave))
}

// where is a place in the sync as people call it.
func (p *planner) where(i int) string {
	s := &p.slots[i]
	if s.hook != nil {
		return s.hook.Text + " hook, wave " + strconv.Itoa(s.wave)
	}
	return "wave " + strconv.Itoa(s.wave)
}

func (p *planner) wayOut(from, to int) string {
	for _, i := range []int{from, to} {
		s := &p.slots[i]
		switch {
		case s.hook != nil:
			return "change the phase or wave of the hook " + p.name(i)
		case s.pin.Annotation != "":
			return "remove " + s.pin.Annotation + " from " + p.name(i) + ", or change it"
		}
	}
	return "remove one of the references that contradict each other"
}

// inspectClaims: rule 8. A claim that gates a wave before that of its first user.
func (p *planner) inspectClaims(end ending) {
	for _, i := range p.set.Of(claimKind) {
		s := &p.slots[i]
		if s.hook != nil || s.rule == "claim-before-consumer" || !end.gated(s.wave) {
			continue
		}
		first := -1
		for _, n := range p.neededBy[i] {
			e := p.edges[n]
			if p.uses(e) && (first < 0 || p.position(e.From).before(p.position(first))) {
				first = e.From
			}
		}
		switch {
		case first < 0:
			p.found(Warning, "claim-without-consumer", []int{i},
				"no pod of this sync uses %s, so it may stay pending, and Argo CD waits for it in wave %d; %s",
				p.name(i), s.wave, p.unpin(i, "let a pod use it, or remove it"))
		case p.position(i).before(p.position(first)):
			p.found(Deadlock, "claim-before-consumer", []int{i, first},
				"Argo CD waits for %s (%s) to be bound, which with volumeBindingMode WaitForFirstConsumer needs the pods of %s (%s); %s",
				p.name(i), p.where(i), p.name(first), p.where(first), p.unpin(i, "give the claim a user in the same wave"))
		}
	}
}

func (p *planner) unpin(i int, otherwise string) string {
	if annotation := p.slots[i].pin.Annotation; annotation != "" {
		return "remove " + annotation + " from it"
	}
	return otherwise
}

// inspectLast: rule 8. Something pinned after the leaves makes Argo CD wait for them, whatever else does.
func (p *planner) inspectLast() {
	last := p.lastWave(func(s *slot) bool { return s.hook == nil && s.pin.Annotation != "" })
	var leaves, later []int
	first := last
	for i := range p.slots {
		if s := &p.slots[i]; s.leaf && s.waits && s.wave < last {
			leaves = append(leaves, i)
			first = min(first, s.wave)
		}
	}
	if len(leaves) == 0 {
		return
	}
	slices.SortStableFunc(leaves, func(a, b int) int { return p.slots[a].wave - p.slots[b].wave })
	for i := range p.slots {
		if s := &p.slots[i]; s.hook == nil && s.pin.Annotation != "" && s.wave > first {
			later = append(later, i)
		}
	}
	p.found(Deadlock, "pin-after-leaf", append(later, leaves...),
		"%s is pinned to wave %d, after the leaves, so Argo CD waits for %s (wave %d), which may never be %s; pin it below %d",
		p.name(later[0]), p.slots[later[0]].wave, p.name(leaves[0]), p.slots[leaves[0]].wave, p.slots[leaves[0]].wait.Until, leafWave)
}

// named is how many objects a message lists by name.
const named = 3

// inspectGatingHooks: rule 8. A hook that runs after the leaves, or is the last thing to run with them, makes Argo CD
// wait for them.
func (p *planner) inspectGatingHooks(end ending) {
	var leaves, hooks []int
	first := end.last
	for i := range p.slots {
		if p.endless(i) && end.gated(p.slots[i].wave) {
			leaves = append(leaves, i)
			first = min(first, p.slots[i].wave)
		}
	}
	if len(leaves) == 0 {
		return
	}
	for i := range p.slots {
		s := &p.slots[i]
		inSync := s.phase() == syncPhase && (s.wave > first || s.wave == end.last && end.wait)
		if s.hook != nil && (inSync || s.phase() == argocd.PostSync) {
			hooks = append(hooks, i)
		}
	}
	if len(hooks) == 0 {
		return
	}
	wayOut := "give the hook a wave before theirs"
	if p.slots[hooks[0]].phase() == argocd.PostSync {
		wayOut = "make the hook a Sync hook (" + argocd.HookAnnotation + ": Sync) in a wave before theirs"
	}
	p.found(Warning, "hook-gates-leaves", append(few(hooks), few(leaves)...),
		"because of %s Argo CD waits for the leaves, too, perhaps without end: for %s; %s",
		p.list(hooks, p.hookName), p.list(leaves, p.untilWhat), wayOut)
}

// endless says whether Argo CD could wait for a leaf without end. A PodDisruptionBudget needs nothing that is not in
// every cluster, and claims are either bound by their pods or have a finding of their own.
func (p *planner) endless(i int) bool {
	s, kind := &p.slots[i], p.set.Items[i].Kind
	return s.leaf && s.waits && s.wait.Limit == "" && kind != claimKind && kind != budgetKind
}

func (p *planner) hookName(i int) string { return "the " + p.slots[i].hook.Text + " hook " + p.name(i) }

func (p *planner) untilWhat(i int) string {
	return p.name(i) + " (until it is " + p.slots[i].wait.Until + ")"
}

// list names a few objects, and counts the others.
func (p *planner) list(objects []int, name func(int) string) string {
	var names []string
	for _, i := range few(objects) {
		names = append(names, name(i))
	}
	if more := len(objects) - len(names); more > 0 {
		names = append(names, strconv.Itoa(more)+" more")
	}
	return strings.Join(names, ", ")
}

func few(objects []int) []int { return slices.Clone(objects[:min(len(objects), named)]) }
