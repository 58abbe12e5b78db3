package wave

import (
	"fmt"

	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// explain writes down why everything is where it is.
func (p *planner) explain() {
	end := p.ending()
	for i := range p.slots {
		s := &p.slots[i]
		switch {
		case s.fixed():
			p.explainFixed(i)
		case s.rule == "" && p.set.Items[i].Kind == claimKind && !s.leaf:
			s.reason = p.claimReason(i)
		case s.by >= 0:
			s.reason = p.edgeReason(i, p.edges[s.by])
		case s.rule == lastWaveRule && end.gated(s.wave):
			s.reason = Reason{Kind: ByRule, Rule: s.rule, Text: "nothing needs it"}
		case s.rule != "":
			s.reason = Reason{Kind: ByRule, Rule: s.rule, Text: s.text}
		case p.opts.mode() == Minimal:
			s.reason = Reason{Kind: ByMode, Text: "nothing forces it into a later wave"}
		case s.tier.Name == leafTier && end.gated(s.wave):
			s.reason = Reason{Kind: ByTier, Text: "leaf: nothing needs it"}
		default:
			s.reason = Reason{Kind: ByTier, Text: tierTexts[s.tier.Name]}
		}
	}
}

// tierTexts say what each tier is for.
var tierTexts = map[string]string{
	"foundations":   "foundations: what other kinds are made of",
	"access":        "access: rights and limits, before anything runs",
	"configuration": "configuration: what workloads read",
	"workloads":     "workloads: Argo CD's default wave",
	"admission":     "admission: after the workloads that answer it",
	"leaf":          "leaf: nothing needs it, and nothing waits for it",
}

// explainFixed gives the reason of pins and hooks, if it is one.
func (p *planner) explainFixed(i int) {
	switch s := &p.slots[i]; {
	case s.hook != nil:
		s.reason = Reason{Kind: ByHook, Text: s.hook.Text + " hook, left alone"}
	case s.pin.Blind:
		s.reason = Reason{Kind: ByPin, Text: "the annotation " + s.pin.Annotation + " is no string: Argo CD sees no annotation and takes wave 0"}
	case s.pin.Misread != "":
		s.reason = Reason{Kind: ByPin, Text: fmt.Sprintf("pinned, but %s is no integer: Argo CD reads %d", s.pin.Misread, s.pin.Wave)}
	case s.pin.Annotation != "":
		s.reason = Reason{Kind: ByPin, Text: "pinned by " + s.pin.Annotation}
	}
}

func (p *planner) edgeReason(i int, e refer.Edge) Reason {
	edge := p.edge(e)
	verb := "after"
	if e.Strength == Healthy {
		verb = "once healthy:"
	}
	text := fmt.Sprintf("%s %s (%s)", verb, p.name(e.To), e.Field)
	if e.From != i {
		text = fmt.Sprintf("its claim %s comes %s", p.set.Items[e.From].ID.Name, text)
	}
	return Reason{Kind: ByEdge, Edge: &edge, Text: text}
}

// claimReason: rule 2.
func (p *planner) claimReason(i int) Reason {
	for _, n := range p.neededBy[i] {
		if e := p.edges[n]; p.uses(e) && p.slots[e.From].wave == p.slots[i].wave {
			return Reason{Kind: ByRule, Rule: claimWithConsumer, Text: "with " + p.name(e.From) + claimWaits}
		}
	}
	s := &p.slots[i]
	if s.by >= 0 {
		return p.edgeReason(i, p.edges[s.by])
	}
	return Reason{Kind: ByTier, Text: tierTexts[s.tier.Name]}
}

// edge is a reference as the plan shows it.
func (p *planner) edge(e refer.Edge) Edge {
	return Edge{From: p.set.Items[e.From].ID, To: p.set.Items[e.To].ID, Field: e.Field, Strength: e.Strength, Declared: e.Declared}
}

// name is what messages call an object.
func (p *planner) name(i int) string {
	id := p.set.Items[i].ID
	if id.Name == "" {
		id.Name = p.set.Items[i].Object.String("metadata", "generateName") + "*"
	}
	return id.Kind + " " + id.Name
}

// found adds a finding about these objects.
func (p *planner) found(severity Severity, rule string, objects []int, format string, args ...any) {
	f := Finding{Severity: severity, Rule: rule, Message: fmt.Sprintf(format, args...)}
	for _, i := range objects {
		f.Resources = append(f.Resources, p.set.Items[i].ID)
	}
	p.findings = append(p.findings, f)
}
