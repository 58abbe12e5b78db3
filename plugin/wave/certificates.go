package wave

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// solvedCertificates: rule 4. A Certificate whose issuer solves its challenge through an Ingress or Gateway of the tree
// is issued only when that is there. It goes with it, and so does whoever waits for its Secret; all of them into the
// last wave, unless something else needs them earlier.
func (p *planner) solvedCertificates() {
	if len(p.set.Of(certificateKind)) == 0 {
		return
	}
	routes := map[int][]int{}
	hosts := p.ingressHosts()
	for _, e := range p.edges {
		issuer := p.set.Items[e.To].Kind
		if p.set.Items[e.From].Kind == certificateKind && (issuer == issuerKind || issuer == clusterIssuerKind) {
			routes[e.From] = append(routes[e.From], p.solvers(e.From, e.To, hosts)...)
		}
	}
	for _, certificate := range p.set.Of(certificateKind) {
		for _, route := range routes[certificate] {
			p.together = append(p.together, together{certificate, route})
		}
		if s := &p.slots[certificate]; len(routes[certificate]) > 0 && !s.fixed() {
			s.leaf = true
			s.rule, s.text = "certificate-with-solver", "it is issued only with "+p.name(routes[certificate][0])
		}
	}
	p.goWith(routes)
}

// goWith frees the consumers of such certificates from waiting for them.
func (p *planner) goWith(routes map[int][]int) {
	for n, e := range p.edges {
		through := routes[e.To]
		if len(through) == 0 || e.Declared || p.set.Items[e.To].Kind != certificateKind {
			continue
		}
		p.inert[n] = true
		p.together = append(p.together, together{e.From, e.To})
		if s := &p.slots[e.From]; !s.fixed() {
			s.leaf = true
			s.rule, s.text = "certificate-with-solver", p.name(e.To)+" is issued only with "+p.name(through[0])
		}
		p.found(Warning, "certificate-with-solver", []int{e.From, e.To, through[0]},
			"%s needs the Secret of %s (%s), whose challenge is solved through %s: all three are applied in one wave, and the sync does not wait for the Secret first; a DNS-01 solver would allow that",
			p.name(e.From), p.name(e.To), e.Field, p.name(through[0]))
	}
}

// solvers are the Ingresses and Gateways of the tree through which an issuer solves a certificate's challenges.
func (p *planner) solvers(certificate, issuer int, hosts map[string][]int) []int {
	var out []int
	names := certificateNames(p.set.Items[certificate].Object)
	for _, entry := range p.set.Items[issuer].Object.List("spec", "acme", "solvers") {
		solver, _ := entry.(map[string]any)
		if !selects(solver, names) {
			continue
		}
		http := manifest.Object(manifest.Object(solver).Map("http01"))
		namespace := p.set.Items[certificate].ID.Namespace
		if ingress := http.Map("ingress"); ingress != nil {
			out = append(out, p.solvingIngresses(ingress, namespace, names, hosts)...)
		}
		for _, parent := range http.List("gatewayHTTPRoute", "parentRefs") {
			ref, _ := parent.(map[string]any)
			if own := manifest.Object(ref).String("namespace"); own != "" {
				namespace = own
			}
			if i, ok := p.set.Find(gatewayKind, namespace, manifest.Object(ref).String("name")); ok {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// solvingIngresses: a solver names an Ingress to edit, or a class; then it makes Ingresses of its own, but the name it
// is asked for leads to the cluster only through the Ingress of that host.
func (p *planner) solvingIngresses(solver map[string]any, namespace string, names []string, hosts map[string][]int) []int {
	if name, _ := solver["name"].(string); name != "" {
		if i, ok := p.set.Find(ingressKind, namespace, name); ok {
			return []int{i}
		}
		return nil
	}
	class, _ := solver["ingressClassName"].(string)
	if class == "" {
		class, _ = solver["class"].(string)
	}
	var out []int
	for _, name := range names {
		for _, i := range hosts[name] {
			if own := ingressClass(p.set.Items[i].Object); class == "" || own == "" || own == class {
				out = append(out, i)
			}
		}
	}
	return out
}

// selects says whether a solver is used for one of the names; without a selector it is for all.
func selects(solver map[string]any, names []string) bool {
	selector := manifest.Object(solver).Map("selector")
	exact, zones := manifest.Object(selector).List("dnsNames"), manifest.Object(selector).List("dnsZones")
	if len(exact)+len(zones) == 0 {
		return true
	}
	for _, name := range names {
		inZone := func(zone any) bool {
			text, ok := zone.(string)
			return ok && (name == text || strings.HasSuffix(name, "."+text))
		}
		if slices.Contains(exact, any(name)) || slices.ContainsFunc(zones, inZone) {
			return true
		}
	}
	return false
}

func certificateNames(certificate manifest.Object) []string {
	var names []string
	for _, entry := range append([]any{certificate.Value("spec", "commonName")}, certificate.List("spec", "dnsNames")...) {
		if name, _ := entry.(string); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (p *planner) ingressHosts() map[string][]int {
	hosts := map[string][]int{}
	for _, i := range p.set.Of(ingressKind) {
		for _, entry := range p.set.Items[i].Object.List("spec", "rules") {
			rule, _ := entry.(map[string]any)
			if host, _ := rule["host"].(string); host != "" {
				hosts[host] = append(hosts[host], i)
			}
		}
	}
	return hosts
}

func ingressClass(ingress manifest.Object) string {
	if class := ingress.String("spec", "ingressClassName"); class != "" {
		return class
	}
	class, _ := ingress.Annotation("kubernetes.io/ingress.class")
	return class
}
