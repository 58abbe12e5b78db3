package wave

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// solvers are the Ingresses and Gateways of the tree through which an issuer solves a certificate's challenges.
func (p *planner) solvers(certificate, issuer int, hosts map[string][]int) []int {
	var out []int
	object := p.set.Items[certificate].Object
	all := p.set.Items[issuer].Object.List("spec", "acme", "solvers")
	for _, name := range certificateNames(object) {
		http := manifest.Object(solverOf(all, name, object.Map("metadata", "labels")).Map("http01"))
		namespace := p.set.Items[certificate].ID.Namespace
		if ingress := http.Map("ingress"); ingress != nil {
			out = append(out, p.solvingIngresses(ingress, namespace, name, hosts)...)
		}
		out = append(out, p.solvingGateways(http, namespace)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// solvingIngresses: a solver names an Ingress to edit, or a class; then it makes Ingresses of its own, but the name it
// is asked for leads to the cluster only through the Ingress of that host.
func (p *planner) solvingIngresses(solver manifest.Object, namespace, host string, hosts map[string][]int) []int {
	if name := solver.String("name"); name != "" {
		if i, ok := p.set.Find(ingressKind, namespace, name); ok {
			return []int{i}
		}
		return nil
	}
	class := solver.String("ingressClassName")
	if class == "" {
		class = solver.String("class")
	}
	var out []int
	for _, i := range hosts[host] {
		if own := ingressClass(p.set.Items[i].Object); class == "" || own == "" || own == class {
			out = append(out, i)
		}
	}
	return out
}

func ingressClass(ingress manifest.Object) string {
	if class := ingress.String("spec", "ingressClassName"); class != "" {
		return class
	}
	class, _ := ingress.Annotation("kubernetes.io/ingress.class")
	return class
}

// solvingGateways: a solver names the Gateways to hang its route on, in the certificate's namespace if it names none.
func (p *planner) solvingGateways(http manifest.Object, namespace string) []int {
	var out []int
	for _, entry := range http.List("gatewayHTTPRoute", "parentRefs") {
		ref, _ := entry.(map[string]any)
		parent, in := manifest.Object(ref), namespace
		if own := parent.String("namespace"); own != "" {
			in = own
		}
		if kind := parent.Kind(); kind != "" && kind != gatewayKind.Kind {
			continue
		}
		if i, ok := p.set.Find(gatewayKind, in, parent.String("name")); ok {
			out = append(out, i)
		}
	}
	return out
}

// certificateNames are the names a certificate is for; one without any still has one challenge to solve.
func certificateNames(certificate manifest.Object) []string {
	var names []string
	for _, entry := range append([]any{certificate.Value("spec", "commonName")}, certificate.List("spec", "dnsNames")...) {
		if name, _ := entry.(string); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// solverOf is the solver that cert-manager picks for a name: of those that are for it, the first with the most exact
// selector (cert-manager, pkg/controller/acmeorders). No Ingress can prove a wildcard.
func solverOf(solvers []any, name string, labels map[string]any) manifest.Object {
	var best manifest.Object
	var most exactness
	for _, entry := range solvers {
		solver, _ := entry.(map[string]any)
		if _, wildcard := strings.CutPrefix(name, "*."); wildcard && solver["http01"] != nil {
			continue
		}
		exact, ok := selects(manifest.Object(manifest.Object(solver).Map("selector")), name, labels)
		if ok && (best == nil || slices.Compare(exact[:], most[:]) > 0) {
			best, most = solver, exact
		}
	}
	return best
}

// exactness compares selectors: a name goes before a zone, the longer zone before the shorter, zones before labels.
type exactness [3]int

// selects says whether a solver is for a name of a certificate with these labels, and how exactly its selector says so.
func selects(selector manifest.Object, name string, labels map[string]any) (exactness, bool) {
	var exact exactness
	name = strings.TrimPrefix(name, "*.")
	for key, value := range selector.Map("matchLabels") {
		if labels[key] != value {
			return exact, false
		}
		exact[2]++
	}
	if names := selector.List("dnsNames"); len(names) > 0 {
		if !slices.Contains(names, any(name)) {
			return exact, false
		}
		exact[0] = 1
	}
	zones := selector.List("dnsZones")
	for _, entry := range zones {
		zone, _ := entry.(string)
		if zone != "" && (name == zone || strings.HasSuffix(name, "."+zone)) {
			exact[1] = max(exact[1], 1+strings.Count(zone, "."))
		}
	}
	return exact, len(zones) == 0 || exact[1] > 0
}
