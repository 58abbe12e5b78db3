package wave

import (
	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// Compute plans the order of the objects, which it does not change. It fails only where people contradict themselves:
// an order declared in a circle, a depends-on that cannot be read, rows of options that name nothing.
func Compute(objects []manifest.Object, opts Options) (*Plan, error) {
	if err := checkTiers(opts.Tiers); err != nil {
		return nil, err
	}
	p := newPlanner(objects, opts)
	if opts.mode() == Off {
		p.asWritten()
		return p.plan(), nil
	}
	found, err := refer.Find(p.set, opts.References)
	if err != nil {
		return nil, err
	}
	p.edges = found.Edges
	if err := p.contradiction(); err != nil {
		return nil, err
	}
	p.idleClaims()
	p.solvedCertificates()
	p.indexEdges()
	p.chooseLeaves()
	p.solve()
	p.explain()
	p.inspect(found.Missing)
	return p.plan(), nil
}

// planner is one computation.
type planner struct {
	opts     Options
	set      *refer.Set
	slots    []slot // by object
	edges    []refer.Edge
	inert    map[int]bool // edges that decide nothing, by number
	needs    [][]int      // edges by From, by number, without inert ones
	neededBy [][]int      // and by To
	together []together
	routes   map[int][]int // the Ingresses and Gateways that a Certificate is issued with
	ignored  map[int]bool  // references that a declared order overrules, by number of the edge
	findings []Finding
}

// slot is the place of one object.
type slot struct {
	tier   Tier
	pin    argocd.Pin
	hook   *argocd.Hook
	wait   argocd.Wait
	waits  bool // Argo CD has a health check that can keep it waiting
	leaf   bool
	rule   string // of the planner, that decided about the tier
	text   string // and why
	wave   int
	by     int // number of the edge that raised it, or -1
	reason Reason
}

// together says that one object goes into no earlier wave than another, although it need not wait for that one.
type together struct {
	from, to int
	edge     int // number of the reference that gave way to this, or -1
}

func newPlanner(objects []manifest.Object, opts Options) *planner {
	p := &planner{
		opts:    opts,
		set:     refer.NewSet(objects, opts.Namespace),
		slots:   make([]slot, len(objects)),
		inert:   map[int]bool{},
		ignored: map[int]bool{},
	}
	tiers := builtinTiers()
	for i, object := range objects {
		s := &p.slots[i]
		s.by = -1
		s.tier = tiers.of(p.set.Items[i].Kind, opts.Tiers)
		s.pin = argocd.ReadPin(object)
		s.wait, s.waits = argocd.Waits(object)
		if hook, ok := argocd.ReadHook(object); ok {
			s.hook = &hook
		}
	}
	return p
}

// fixed says that nothing moves the object: it is pinned, or a hook.
func (s *slot) fixed() bool { return s.hook != nil || s.pin.Annotation != "" }

// phase is the first in which the object is applied.
func (s *slot) phase() argocd.Phase {
	if s.hook != nil {
		return s.hook.Phase
	}
	return argocd.Sync
}

// asWritten puts everything where its own annotations say.
func (p *planner) asWritten() {
	for i := range p.slots {
		s := &p.slots[i]
		s.wave = s.pin.Wave
		s.reason = Reason{Kind: ByMode, Text: "waves are off: Argo CD's default"}
		p.explainFixed(i)
	}
}

func (p *planner) indexEdges() {
	p.needs, p.neededBy = make([][]int, len(p.slots)), make([][]int, len(p.slots))
	for n, e := range p.edges {
		if !p.inert[n] {
			p.needs[e.From] = append(p.needs[e.From], n)
			p.neededBy[e.To] = append(p.neededBy[e.To], n)
		}
	}
}

// distance is the number of waves by which the first object must come after the second: one where their order in one
// wave is not enough. Tiers are ten or more apart, so that chains stay between them; a longer one only goes on.
func (p *planner) distance(from, to int, strength Strength) int {
	if strength == Healthy || !p.appliedBefore(to, from) {
		return 1
	}
	return 0
}

// appliedBefore says whether Argo CD, in one wave, has applied the first object when it applies the second. Whatever
// their kinds, it moves Namespaces and CustomResourceDefinitions before what needs them (syncTasks.adjustDeps).
func (p *planner) appliedBefore(first, second int) bool {
	a, b := p.set.Items[first].ID, p.set.Items[second].ID
	return p.lifted(first) || argocd.AppliedBefore(a.Kind, a.Name, b.Kind, b.Name)
}

func (p *planner) lifted(i int) bool {
	kind := p.set.Items[i].Kind
	return p.slots[i].hook == nil && (kind == namespaceKind || kind == crdKind)
}

// The kinds that rules are about.
var (
	namespaceKind     = refer.Kind{Kind: "Namespace"}
	crdKind           = refer.Kind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	claimKind         = refer.Kind{Kind: "PersistentVolumeClaim"}
	serviceKind       = refer.Kind{Kind: "Service"}
	certificateKind   = refer.Kind{Group: "cert-manager.io", Kind: "Certificate"}
	issuerKind        = refer.Kind{Group: "cert-manager.io", Kind: "Issuer"}
	clusterIssuerKind = refer.Kind{Group: "cert-manager.io", Kind: "ClusterIssuer"}
	ingressKind       = refer.Kind{Group: "networking.k8s.io", Kind: "Ingress"}
	gatewayKind       = refer.Kind{Group: "gateway.networking.k8s.io", Kind: "Gateway"}
	jobKind           = refer.Kind{Group: "batch", Kind: "Job"}
	budgetKind        = refer.Kind{Group: "policy", Kind: "PodDisruptionBudget"}
	rolloutKind       = refer.Kind{Group: "argoproj.io", Kind: "Rollout"}
)
