package wave

// How reasons speak of a claim that has a user in its wave.
const (
	claimWithConsumer = "claim-with-consumer"
	claimWaits        = ", whose pods may have to come first for it to be bound"
)

// claimLinks finds the first user of every claim: of those in the earliest wave, the one that needs none of the others.
func (p *planner) claimLinks(r *round) map[int]int {
	links := map[int]int{}
	for n, e := range p.edges {
		claim, user := &p.slots[e.To], &p.slots[e.From]
		if !p.uses(e) || p.inert[n] || claim.fixed() || claim.leaf || user.leaf || user.phase() != syncPhase {
			continue
		}
		if first, ok := links[e.To]; !ok || p.earlier(r, e.From, first) {
			links[e.To] = e.From
		}
	}
	return links
}

func (p *planner) earlier(r *round, a, b int) bool {
	if r.level[a] != r.level[b] {
		return r.level[a] < r.level[b]
	}
	return r.components.Of(a) < r.components.Of(b)
}

// breakLinks lets go of claims whose first user waits for something that waits for the claim to be bound: a deadlock
// whatever the waves.
func (p *planner) breakLinks(before, linked *round, links map[int]int, floor []int) bool {
	broken := false
	for _, members := range linked.components.Cycles() {
		if !p.split(before, linked, members) {
			continue
		}
		for _, i := range members {
			if user, ok := links[i]; ok {
				delete(links, i)
				p.slots[i].rule, p.slots[i].text = "claim-before-consumer", p.name(user)+", which uses it, waits for something that needs it"
				floor[i] = p.floor(&p.slots[i])
				broken = true
				p.found(Deadlock, "claim-before-consumer", []int{i, user},
					"%s stays pending until %s uses it, which waits for something that needs the claim first; remove the reference to the claim or the one from %s",
					p.name(i), p.name(user), p.name(user))
			}
		}
	}
	return broken
}

// split says whether a cycle came only with the links, and has something that must be in a later wave.
func (p *planner) split(before, linked *round, members []int) bool {
	for _, i := range members {
		for _, e := range linked.graph.From(i) {
			same := linked.components.Of(e.To) == linked.components.Of(i)
			if same && e.Weight > 0 && before.components.Of(e.To) != before.components.Of(i) {
				return true
			}
		}
	}
	return false
}
