package wave

import (
	"slices"

	"github.com/tidegate/tidegate/plugin/wave/argocd"
)

// certificateWithSolver is the rule of a Certificate and of those who wait for it, where its challenge ties it to an
// Ingress or Gateway.
const certificateWithSolver = "certificate-with-solver"

// solvedCertificates: rule 4. A Certificate whose issuer solves its challenge through an Ingress or Gateway of the tree
// is issued only when that is there. It goes with it, and so does whoever waits for its Secret; all of them into the
// last wave, unless something else needs them earlier.
func (p *planner) solvedCertificates() {
	if len(p.set.Of(certificateKind)) == 0 {
		return
	}
	p.routes = map[int][]int{}
	hosts := p.ingressHosts()
	for _, e := range p.edges {
		issuer := p.set.Items[e.To].Kind
		if p.set.Items[e.From].Kind == certificateKind && (issuer == issuerKind || issuer == clusterIssuerKind) {
			p.routes[e.From] = append(p.routes[e.From], p.solvers(e.From, e.To, hosts)...)
		}
	}
	for _, certificate := range p.set.Of(certificateKind) {
		for _, route := range p.routes[certificate] {
			p.together = append(p.together, together{certificate, route, -1})
		}
		if s := &p.slots[certificate]; len(p.routes[certificate]) > 0 && !s.fixed() {
			s.leaf = true
			s.rule, s.text = certificateWithSolver, "it is issued only with "+p.name(p.routes[certificate][0])
		}
	}
	p.goWith()
}

// goWith frees the consumers of such certificates from waiting for them.
func (p *planner) goWith() {
	for n, e := range p.edges {
		through := p.routes[e.To]
		if len(through) == 0 || e.Declared || p.set.Items[e.To].Kind != certificateKind {
			continue
		}
		p.inert[n] = true
		p.together = append(p.together, together{e.From, e.To, n})
		if s := &p.slots[e.From]; !s.fixed() {
			s.leaf = true
			s.rule, s.text = certificateWithSolver, p.name(e.To)+" is issued only with "+p.name(through[0])
		}
	}
}

// inspectCertificates: rules 4 and 8. Pins can tear apart what goes together.
func (p *planner) inspectCertificates(end ending) {
	for _, t := range p.together {
		from := &p.slots[t.from]
		switch before := p.position(t.from).before(p.position(t.to)); {
		case from.phase() > argocd.PostSync:
		case before && p.holds(t.from, end):
			p.found(Deadlock, "gate-before-need", []int{t.from, t.to},
				"Argo CD waits for %s (%s) to be %s, which needs %s of the later %s; %s",
				p.name(t.from), p.where(t.from), from.wait.Until, p.joint(t), p.where(t.to), p.wayOut(t.from, t.to))
		case before:
			p.found(Warning, "pin-against-edge", []int{t.from, t.to},
				"%s (%s) needs %s (%s) first; %s",
				p.name(t.from), p.where(t.from), p.joint(t), p.where(t.to), p.wayOut(t.from, t.to))
		case t.edge >= 0 && p.position(t.from) == p.position(t.to):
			through := p.routes[t.to][0]
			p.found(Warning, certificateWithSolver, []int{t.from, t.to, through},
				"%s needs the Secret of %s (%s), whose challenge is solved through %s: all three are applied in one wave, and the sync does not wait for the Secret first; a DNS-01 solver would allow that",
				p.name(t.from), p.name(t.to), p.edges[t.edge].Field, p.name(through))
		}
	}
}

// joint says what one object needs of another that it goes with.
func (p *planner) joint(t together) string {
	if t.edge < 0 {
		return p.name(t.to) + " (to solve its challenge, spec.issuerRef)"
	}
	return "the Secret of " + p.name(t.to) + " (" + p.edges[t.edge].Field + ")"
}

// ingressHosts lists the Ingresses by the names they serve.
func (p *planner) ingressHosts() map[string][]int {
	hosts := map[string][]int{}
	for _, i := range p.set.Of(ingressKind) {
		for _, entry := range p.set.Items[i].Object.List("spec", "rules") {
			rule, _ := entry.(map[string]any)
			if host, _ := rule["host"].(string); host != "" && !slices.Contains(hosts[host], i) {
				hosts[host] = append(hosts[host], i)
			}
		}
	}
	return hosts
}
