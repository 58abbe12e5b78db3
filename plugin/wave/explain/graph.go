package explain

import (
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// graph is a plan as the drawing formats see it: stages from first to last, nodes in them, links between nodes.
type graph struct {
	stages []stage
	nodes  []node
	links  []link
}

// stage is a wave, several neighbouring waves drawn as one, or a phase of hooks.
type stage struct {
	name  string // wave -20, waves 3 to 9, PreSync hooks
	note  string // tier names, or when the phase runs
	hooks bool
	gated bool
	nodes []int
}

// node is one resource, or several of one kind drawn as one.
type node struct {
	stage      int
	resources  []wave.Resource
	deadlocked bool
	warned     bool
}

// link says that first must come before then.
type link struct {
	first, then int
	fields      []string
	strength    wave.Strength
	// stuck says that both ends are named by one deadlock.
	stuck bool
}

// bounds limit how much is drawn; zero is no limit.
type bounds struct {
	// nodes is how many resources are drawn one by one. Of more, those of a kind in a stage are one node.
	nodes int
	// stageNodes is the same for one stage, and how many nodes it has after that; the rest of it is one node.
	stageNodes int
	// stages is how many waves are drawn apart. Of more, neighbours are drawn as one.
	stages int
}

func newGraph(plan *wave.Plan, limit bounds) *graph {
	g := &graph{}
	phases := hookPhases(plan.Hooks)
	before := 0
	if len(phases) > 0 && phases[0].name == phaseOrder[0].name {
		before = 1
	}
	dead, warned := named(plan, wave.Deadlock), named(plan, wave.Warning)
	single := limit.nodes == 0 || resourceCount(plan)+len(plan.Hooks) <= limit.nodes
	at := map[manifest.ID]int{}
	add := func(s stage, resources []wave.Resource) {
		index := len(g.stages)
		for _, n := range collapse(resources, dead, single, limit.stageNodes) {
			n.stage = index
			for _, r := range n.resources {
				n.warned = n.warned || warned[r.ID]
				if _, seen := at[r.ID]; !seen {
					at[r.ID] = len(g.nodes)
				}
			}
			s.nodes = append(s.nodes, len(g.nodes))
			g.nodes = append(g.nodes, n)
		}
		g.stages = append(g.stages, s)
	}
	addPhase := func(p phase) {
		add(stage{name: p.name + " hooks", note: p.when, hooks: true}, p.hooks)
	}

	for _, p := range phases[:before] {
		addPhase(p)
	}
	for _, waves := range chunks(plan.Waves, limit.stages) {
		s := stage{name: fmt.Sprintf("wave %d", waves[0].Number)}
		var resources []wave.Resource
		for _, w := range waves {
			s.gated = w.Gated
			resources = append(resources, w.Resources...)
		}
		if len(waves) > 1 {
			s.name = fmt.Sprintf("waves %d to %d", waves[0].Number, waves[len(waves)-1].Number)
		}
		s.note = tierNames(resources)
		add(s, resources)
	}
	for _, p := range phases[before:] {
		addPhase(p)
	}
	g.link(plan, at)
	return g
}

// collapse makes nodes of a stage's resources. Resources that a deadlock names never share a node with others.
func collapse(resources []wave.Resource, dead map[manifest.ID]bool, single bool, limit int) []node {
	type key struct {
		kind string
		dead bool
	}
	single = single && (limit == 0 || len(resources) <= limit)
	var nodes []node
	of := map[key]int{}
	for _, r := range resources {
		k := key{kind: r.ID.GroupKind(), dead: dead[r.ID]}
		if i, seen := of[k]; seen && !single {
			nodes[i].resources = append(nodes[i].resources, r)
			continue
		}
		of[k] = len(nodes)
		nodes = append(nodes, node{resources: []wave.Resource{r}, deadlocked: dead[r.ID]})
	}
	if limit > 0 && len(nodes) > limit && !single {
		rest := node{}
		for _, n := range nodes[limit-1:] {
			rest.resources = append(rest.resources, n.resources...)
			rest.deadlocked = rest.deadlocked || n.deadlocked
		}
		nodes = append(nodes[:limit-1], rest)
	}
	return nodes
}

// chunks splits the waves into at most limit runs of neighbours, the last wave alone: nobody waits for it.
func chunks(waves []wave.Wave, limit int) [][]wave.Wave {
	size := 1
	if limit > 1 && len(waves) > limit {
		size = (len(waves) - 1 + limit - 2) / (limit - 1)
	}
	var runs [][]wave.Wave
	if len(waves) > 0 {
		runs = slices.Collect(slices.Chunk(waves[:len(waves)-1], size))
		runs = append(runs, waves[len(waves)-1:])
	}
	return runs
}

// link adds the edges, those between the same two nodes as one.
func (g *graph) link(plan *wave.Plan, at map[manifest.ID]int) {
	type pair struct{ first, then int }
	seen := map[pair]int{}
	stuck := stuckPairs(plan)
	for _, e := range plan.Edges {
		first, known := at[e.To]
		then, knownToo := at[e.From]
		if !known || !knownToo || first == then {
			continue
		}
		i, again := seen[pair{first, then}]
		if !again {
			i = len(g.links)
			seen[pair{first, then}] = i
			g.links = append(g.links, link{first: first, then: then, strength: e.Strength})
		}
		l := &g.links[i]
		if e.Strength == wave.Healthy {
			l.strength = wave.Healthy
		}
		l.stuck = l.stuck || stuck(e)
		if field := shortField(e.Field); field != "" && !slices.Contains(l.fields, field) {
			l.fields = append(l.fields, field)
		}
	}
}

// stuckPairs says of an edge whether one deadlock names both its ends.
func stuckPairs(plan *wave.Plan) func(wave.Edge) bool {
	of := map[manifest.ID][]int{}
	for i, f := range plan.Findings {
		if f.Severity == wave.Deadlock {
			for _, id := range f.Resources {
				of[id] = append(of[id], i)
			}
		}
	}
	return func(e wave.Edge) bool {
		return slices.ContainsFunc(of[e.From], func(i int) bool { return slices.Contains(of[e.To], i) })
	}
}

// fieldsText is a link's first field, and how many more there are.
func (l link) fieldsText() string {
	switch len(l.fields) {
	case 0:
		return ""
	case 1:
		return l.fields[0]
	}
	return fmt.Sprintf("%s +%d", l.fields[0], len(l.fields)-1)
}

// labels are a node's two lines: its kind, and its name or how many it stands for.
func (n node) labels(destination string) (kind, name string) {
	first := n.resources[0]
	if len(n.resources) == 1 {
		return visible(first.ID.Kind), shortName(first.ID, destination)
	}
	kinds := map[string]bool{}
	for _, r := range n.resources {
		kinds[r.ID.GroupKind()] = true
	}
	if len(kinds) > 1 {
		return fmt.Sprintf("%d other kinds", len(kinds)), count(len(n.resources), "resource")
	}
	return visible(first.ID.Kind), fmt.Sprintf("× %d", len(n.resources))
}

// gates are the gates that the node's resources close.
func (n node) gates() []*wave.Gate {
	var gates []*wave.Gate
	for _, r := range n.resources {
		if r.Gate != nil {
			gates = append(gates, r.Gate)
		}
	}
	return gates
}

// nodeDetails is what a picture has no room for, a line each: full name, reason and gate of the node's resources.
func nodeDetails(n node, destination string) []string {
	const most = 12
	var lines []string
	for i, r := range n.resources {
		if i == most {
			return append(lines, fmt.Sprintf("and %d more", len(n.resources)-most))
		}
		line := shortID(r.ID, destination)
		if reason := reasonText(r.Reason); reason != "" {
			line += ": " + reason
		}
		lines = append(lines, line)
		if r.Gate != nil && len(n.resources) == 1 {
			lines = append(lines, gateText(r.Gate))
		}
	}
	return lines
}
