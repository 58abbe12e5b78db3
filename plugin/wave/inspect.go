package wave

import (
	"strconv"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// inspect looks for what the order cannot mend: rules 1, 5, 7 and 8.
func (p *planner) inspect(missing []refer.Missing) {
	end := p.ending()
	for n, e := range p.edges {
		if !p.inert[n] {
			p.inspectEdge(e, end)
		}
	}
	p.inspectClaims(end)
	p.inspectLast(end)
	p.inspectPruning(end)
	for i := range p.slots {
		p.inspectPin(i)
		if p.slots[i].hook == nil && p.slots[i].waits && end.gated(p.slots[i].wave) {
			p.inspectGate(i)
		}
	}
	for _, m := range missing {
		p.found(Warning, "depends-on-missing", []int{m.From},
			"%s depends on %q, which is not among these objects, so nothing waits for it; correct the name in %s or remove it",
			p.name(m.From), m.Text, m.Field)
	}
}

// inspectEdge: rule 8 and pins that contradict an edge.
func (p *planner) inspectEdge(e refer.Edge, end ending) {
	from, to := &p.slots[e.From], &p.slots[e.To]
	if from.phase() > argocd.PostSync || to.phase() == argocd.Never || p.lifted(e.To) || p.kept(e.From, e.To, e.Strength) {
		return
	}
	holds := from.waits && !e.Soft && (from.hook != nil || end.gated(from.wave))
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
			p.name(e.From), p.where(e.From), from.wait.Until, p.name(e.To), e.Field, p.where(e.To), p.wayOut(e))
	case from.fixed() || to.fixed():
		p.found(Warning, "pin-against-edge", []int{e.From, e.To},
			"%s (%s) needs %s (%s) first (%s); %s",
			p.name(e.From), p.where(e.From), p.name(e.To), p.where(e.To), e.Field, p.wayOut(e))
	}
}

// where is a place in the sync as people call it.
func (p *planner) where(i int) string {
	s := &p.slots[i]
	if s.hook != nil {
		return s.hook.Text + " hook, wave " + strconv.Itoa(s.wave)
	}
	return "wave " + strconv.Itoa(s.wave)
}

func (p *planner) wayOut(e refer.Edge) string {
	for _, i := range []int{e.From, e.To} {
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

// inspectPin: rule 1.
func (p *planner) inspectPin(i int) {
	s := &p.slots[i]
	if s.pin.Blind {
		p.found(Warning, "annotation-not-a-string", []int{i},
			"%s: the annotation %s is no string, so Argo CD sees none of the object's annotations and takes wave 0; write it in quotes",
			p.name(i), s.pin.Annotation)
	}
	if s.pin.Misread != "" {
		p.found(Warning, "wave-not-a-number", []int{i},
			"%s: %s is %q, which is no integer: Argo CD silently takes wave %d; write an integer in quotes, or remove it",
			p.name(i), s.pin.Annotation, s.pin.Misread, s.pin.Wave)
	}
	if s.hook != nil && s.hook.Unknown {
		p.found(Warning, "unknown-hook", []int{i},
			"%s: %s %q is no phase Argo CD knows, so it never applies the object; use PreSync, Sync, PostSync, SyncFail, PostDelete or Skip",
			p.name(i), argocd.HookAnnotation, s.hook.Text)
	}
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
				p.name(i), s.wave, p.unpin(i, "remove what needs it, or use it"))
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

// inspectLast: rule 8. Something pinned after the leaves makes Argo CD wait for them.
func (p *planner) inspectLast(end ending) {
	var leaves, later []int
	last := lowest
	for i := range p.slots {
		if s := &p.slots[i]; s.leaf && s.waits && end.gated(s.wave) && !end.wait {
			leaves = append(leaves, i)
			last = max(last, s.wave)
		}
	}
	if len(leaves) == 0 {
		return
	}
	for i := range p.slots {
		if s := &p.slots[i]; s.phase() == syncPhase && s.pin.Annotation != "" && s.wave > p.slots[leaves[0]].wave {
			later = append(later, i)
		}
	}
	if len(later) == 0 {
		return
	}
	p.found(Deadlock, "pin-after-leaf", append(later, leaves...),
		"%s is pinned to wave %d, after the leaves, so Argo CD waits for %s (wave %d), which may never be %s; pin it below %d",
		p.name(later[0]), p.slots[later[0]].wave, p.name(leaves[0]), p.slots[leaves[0]].wave, p.slots[leaves[0]].wait.Until, leafWave)
}

// inspectGate: rule 5, and leaves that are none.
func (p *planner) inspectGate(i int) {
	s, object := &p.slots[i], p.set.Items[i].Object
	job := p.set.Items[i].Kind == jobKind
	switch {
	case s.rule == "needed-leaf":
		p.found(Warning, "leaf-gates", []int{i}, "%s cannot be in the last wave, which nothing waits for, because %s: the sync waits in wave %d until it is %s",
			p.name(i), s.text, s.wave, s.wait.Until)
	case job && argocd.IsZero(object.Value("spec", "ttlSecondsAfterFinished")):
		p.found(Warning, "job-vanishes", []int{i},
			"%s is deleted as soon as it ends (ttlSecondsAfterFinished: 0), and Argo CD may wait for it without end; %s", p.name(i), p.suitingHook(i))
	case job && object.Value("spec", "suspend") == true:
		p.found(Warning, "job-suspended", []int{i},
			"%s is suspended (spec.suspend), so the sync stays in wave %d until somebody resumes it; remove suspend, or %s", p.name(i), s.wave, p.suitingHook(i))
	case job:
		p.found(Warning, "job-may-fail", []int{i},
			"if %s fails, the whole sync fails, and a changed Job cannot be applied again; %s", p.name(i), p.suitingHook(i))
	case object.Value("spec", "paused") == true, object.Value("spec", "suspend") == true:
		p.found(Warning, "paused-gate", []int{i},
			"%s is paused, so the sync stays in wave %d until somebody resumes it; remove spec.paused or spec.suspend", p.name(i), s.wave)
	case pausesForever(object):
		p.found(Warning, "pausing-gate", []int{i},
			"%s pauses without a duration (spec.strategy.canary.steps), so the sync stays in wave %d until somebody promotes it; give the pause a duration", p.name(i), s.wave)
	}
}

// suitingHook is the hook a Job should be: before everything if others need it and it needs nothing, after everything
// if it needs workloads, else in its place among the waves.
func (p *planner) suitingHook(i int) string {
	needs, needsWorkload := false, false
	for _, n := range p.needs[i] {
		to := p.edges[n].To
		if !p.lifted(to) {
			needs = true
			pods := p.set.Items[to].Pods
			needsWorkload = needsWorkload || pods != nil && pods.Serve
		}
	}
	hook := "Sync"
	switch {
	case needsWorkload:
		hook = "PostSync"
	case len(p.neededBy[i]) > 0 && !needs:
		hook = "PreSync"
	}
	return "make it a hook (" + argocd.HookAnnotation + ": " + hook + ", argocd.argoproj.io/hook-delete-policy: BeforeHookCreation)"
}

// pausesForever looks for a canary step that only a human ends.
func pausesForever(object manifest.Object) bool {
	if object.Kind() != rolloutKind.Kind || object.Group() != rolloutKind.Group {
		return false
	}
	for _, entry := range object.List("spec", "strategy", "canary", "steps") {
		step, _ := entry.(map[string]any)
		pause, ok := step["pause"]
		if m, _ := pause.(map[string]any); ok && m["duration"] == nil {
			return true
		}
	}
	return false
}
