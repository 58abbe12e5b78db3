package wave

import "github.com/tidegate/tidegate/plugin/wave/refer"

// withNeededLeaf is the rule of a workload that goes last with what it needs.
const withNeededLeaf = "with-needed-leaf"

// chooseLeaves decides what goes into the last wave, which Argo CD never waits for: the kinds of the leaf tier, and
// what rules 2 to 5 send there, as long as nothing of an earlier wave needs it.
func (p *planner) chooseLeaves() {
	for i := range p.slots {
		if s := &p.slots[i]; !s.fixed() {
			p.candidate(i, len(p.neededBy[i]) > 0)
		}
	}
	p.joinLeaves()
	p.pullOut()
	p.joinClaims()
}

// joinLeaves puts a workload that needs a leaf into the last wave with it, where that leaf could keep Argo CD waiting
// without end (an Ingress that is never given an address): a sync that hangs is worse than one that ends before the
// rollout has. A workload that something of an earlier wave needs stays, and the leaf is pulled out.
func (p *planner) joinLeaves() {
	for n, e := range p.edges {
		from, to := &p.slots[e.From], &p.slots[e.To]
		if p.inert[n] || e.Strength == Healthy || from.fixed() || from.leaf || p.set.Items[e.From].Pods == nil {
			continue
		}
		if !to.leaf || to.tier.Name != leafTier || !to.waits || p.neededBeforeLeaves(e.From) {
			continue
		}
		from.leaf = true
		from.rule, from.text = withNeededLeaf, "needs "+p.name(e.To)+", which nothing must wait for"
		p.found(Warning, withNeededLeaf, []int{e.From, e.To},
			"%s needs %s (%s), which may never be %s: both are applied in the last wave, and the sync ends without waiting for %s",
			p.name(e.From), p.name(e.To), e.Field, to.wait.Until, p.name(e.From))
	}
}

// joinClaims names the user of a claim that is leaf because all its users are.
func (p *planner) joinClaims() {
	for n, e := range p.edges {
		if claim := &p.slots[e.To]; p.uses(e) && !p.inert[n] && claim.leaf && p.slots[e.From].leaf {
			claim.rule, claim.text = claimWithConsumer, "with "+p.name(e.From)+claimWaits
		}
	}
}

// neededBeforeLeaves says whether something that is no leaf needs the object in the sync phase.
func (p *planner) neededBeforeLeaves(i int) bool {
	for _, n := range p.neededBy[i] {
		if from := &p.slots[p.edges[n].From]; !from.leaf && from.phase() <= syncPhase {
			return true
		}
	}
	return false
}

// candidate says whether an object would be leaf if nothing of an earlier wave needed it.
func (p *planner) candidate(i int, needed bool) {
	s := &p.slots[i]
	switch kind := p.set.Items[i].Kind; {
	case s.leaf: // a rule before this one said so
	case s.tier.Name == leafTier:
		s.leaf = true
	case kind == claimKind:
		s.leaf, s.rule, s.text = true, "unused-claim", "no pod of this sync uses the claim, and it may stay pending until one does"
	case kind == certificateKind:
		s.leaf, s.rule, s.text = true, "unconsumed-certificate", "no pod or webhook here needs its Secret"
	case kind == serviceKind && s.waits && !needed:
		s.leaf, s.rule, s.text = true, "unneeded-load-balancer", "nothing here needs it, and its address may take minutes"
	}
}

// pullOut takes out of the leaves what the others need, and what that needs. A leaf that must have done its work
// before another leaf goes, too.
func (p *planner) pullOut() {
	out := make([][]int, len(p.slots))
	var queue []int
	pull := func(from, to int, firm bool) {
		if s := &p.slots[to]; s.leaf && (firm || !p.slots[from].leaf) {
			s.leaf = false
			p.pulled(from, to)
			queue = append(queue, to)
		}
	}
	link := func(from, to int, firm bool) {
		s := &p.slots[from]
		if s.phase() != syncPhase {
			return
		}
		out[from] = append(out[from], to)
		if late := s.fixed() && s.pin.Wave >= leafWave; !late || firm {
			pull(from, to, firm)
		}
	}
	for n, e := range p.edges {
		if !p.inert[n] {
			link(e.From, e.To, e.Strength == Healthy)
		}
	}
	for _, t := range p.together {
		link(t.from, t.to, false)
	}
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		for _, to := range out[from] {
			pull(from, to, false)
		}
	}
}

// pulled notes why a leaf is none.
func (p *planner) pulled(by, i int) {
	s := &p.slots[i]
	s.rule, s.text = "", ""
	if s.tier.Name == leafTier {
		s.tier = Tier{leafTier, builtinTiers().byName[workloadsTier].Wave}
		s.rule, s.text = "needed-leaf", p.name(by)+" needs it"
	}
}

// idleClaims: rule 2. A claim is used only by what starts pods; zero replicas or a CronJob do not need it to exist.
func (p *planner) idleClaims() {
	for n, e := range p.edges {
		if p.uses(e) && !p.set.Items[e.From].Pods.Start {
			p.inert[n] = true
		}
	}
}

// uses says whether an edge is that of pods to a claim they mount.
func (p *planner) uses(e refer.Edge) bool {
	return p.set.Items[e.To].Kind == claimKind && p.set.Items[e.From].Pods != nil && !e.Declared
}
