package wave

import (
	"fmt"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
)

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
	case pausedBy(object) != "":
		p.found(Warning, "paused-gate", []int{i},
			"%s is paused, so the sync stays in wave %d until somebody resumes it; remove %s", p.name(i), s.wave, pausedBy(object))
	case pausesAt(object) != "":
		p.found(Warning, "pausing-gate", []int{i},
			"%s pauses without a duration (%s), so the sync stays in wave %d until somebody promotes it; give the pause a duration", p.name(i), pausesAt(object), s.wave)
	case byHand(object):
		p.found(Warning, "pausing-gate", []int{i},
			"%s is promoted by hand (spec.strategy.blueGreen.autoPromotionEnabled: false), so the sync stays in wave %d until somebody does; give it autoPromotionSeconds", p.name(i), s.wave)
	}
}

// pausedBy is the field that stops an object.
func pausedBy(object manifest.Object) string {
	for _, field := range []string{"paused", "suspend"} {
		if object.Value("spec", field) == true {
			return "spec." + field
		}
	}
	return ""
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

// pausesAt is the canary step that only a human ends.
func pausesAt(object manifest.Object) string {
	if !isRollout(object) {
		return ""
	}
	for n, entry := range object.List("spec", "strategy", "canary", "steps") {
		step, _ := entry.(map[string]any)
		pause, ok := step["pause"]
		if m, _ := pause.(map[string]any); ok && m["duration"] == nil {
			return fmt.Sprintf("spec.strategy.canary.steps[%d].pause", n)
		}
	}
	return ""
}

// byHand says whether a blue-green Rollout waits for somebody who promotes it.
func byHand(object manifest.Object) bool {
	blueGreen := manifest.Object(object.Map("spec", "strategy", "blueGreen"))
	seconds := blueGreen.Value("autoPromotionSeconds")
	return isRollout(object) && blueGreen.Value("autoPromotionEnabled") == false && (seconds == nil || argocd.IsZero(seconds))
}

func isRollout(object manifest.Object) bool {
	return object.Kind() == rolloutKind.Kind && object.Group() == rolloutKind.Group
}
