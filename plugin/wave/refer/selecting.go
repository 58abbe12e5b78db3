package refer

var (
	policyKind     = Kind{"networking.k8s.io", "NetworkPolicy"}
	disruptionKind = Kind{"policy", "PodDisruptionBudget"}
)

// policies: no pod runs before the NetworkPolicies that select it. A policy without a selector selects all pods of its
// namespace. The pods would start without it, too.
func (f *finder) policies() {
	for _, i := range f.set.Of(policyKind) {
		item := &f.set.Items[i]
		s, _ := readSelector(item.Object.Value("spec", "podSelector"))
		field := item.ID.Kind + " " + item.ID.Name + ": spec.podSelector"
		for _, pods := range f.selected(item.ID.Namespace, s) {
			f.add(Edge{From: pods, To: i, Field: field, Strength: Applied, Soft: true})
		}
	}
}

// disruption: a PodDisruptionBudget needs the workloads it protects. Without a selector it protects none, and so does
// an empty one in policy/v1beta1. It is healthy without them, too.
func (f *finder) disruption() {
	for _, i := range f.set.Of(disruptionKind) {
		item := &f.set.Items[i]
		value := item.Object.Value("spec", "selector")
		s, ok := readSelector(value)
		if !ok || len(value.(map[string]any)) == 0 && item.Object.APIVersion() == "policy/v1beta1" {
			continue
		}
		for _, pods := range f.selected(item.ID.Namespace, s) {
			f.add(Edge{From: i, To: pods, Field: "spec.selector", Strength: Applied, Soft: true})
		}
	}
}

// behind: what stands behind a Service are the workloads whose lasting pods it selects. A Service without a selector
// selects none.
func (f *finder) behind(e Edge, service int, strength Strength) {
	item := &f.set.Items[service]
	labels := item.Object.Map("spec", "selector")
	if len(labels) == 0 {
		return
	}
	e.Strength = strength
	for _, pods := range f.selected(item.ID.Namespace, selector{labels: labels}) {
		if f.set.Items[pods].Pods.Serve {
			e.To = pods
			f.add(e)
		}
	}
}

// replaced: Argo Rollouts rejects a Rollout without the routes it names, so these need not wait for it, although it
// stands behind them.
func (f *finder) replaced() {
	kept := f.edges[:0]
	for _, e := range f.edges {
		_, named := f.seen[pair{e.To, e.From, false}]
		if named && f.set.Items[e.To].Kind == rolloutKind && routes[f.set.Items[e.From].Kind] {
			continue
		}
		kept = append(kept, e)
	}
	f.edges = kept
	f.renumber()
}

func (f *finder) renumber() {
	clear(f.seen)
	for number, e := range f.edges {
		f.seen[pair{e.From, e.To, e.Declared}] = number
	}
}

var rolloutKind = Kind{"argoproj.io", "Rollout"}

// routes are the kinds that a Rollout's traffic routing names.
var routes = map[Kind]bool{
	{"networking.k8s.io", "Ingress"}:           true,
	{"networking.istio.io", "VirtualService"}:  true,
	{"gateway.networking.k8s.io", "HTTPRoute"}: true,
	{"gateway.networking.k8s.io", "GRPCRoute"}: true,
}
