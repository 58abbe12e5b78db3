package wave

import (
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
	p.inspectCertificates(end)
	p.inspectClaims(end)
	p.inspectLast()
	p.inspectGatingHooks(end)
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
			"%s: %s is %s, which is no integer: Argo CD silently takes wave %d; write an integer in quotes, or remove it",
			p.name(i), s.pin.Annotation, s.pin.Misread, s.pin.Wave)
	}
	if s.hook != nil && s.hook.Unknown {
		p.found(Warning, "unknown-hook", []int{i},
			"%s: %s %q is no phase Argo CD knows, so it never applies the object; use PreSync, Sync, PostSync, SyncFail, PostDelete or Skip",
			p.name(i), argocd.HookAnnotation, s.hook.Text)
	}
}
