package graph

// Components are the strongly connected components of a graph, in an order in which everything a component needs comes
// before it.
type Components struct {
	of      []int   // component by vertex
	members [][]int // vertices by component, ascending
}

// Of returns the number of the vertex's component. What a vertex needs has a smaller number, or its own.
func (c *Components) Of(vertex int) int { return c.of[vertex] }

// Cycles returns the members of the components that have more than one, each ascending.
func (c *Components) Cycles() [][]int {
	var cycles [][]int
	for _, members := range c.members {
		if len(members) > 1 {
			cycles = append(cycles, members)
		}
	}
	return cycles
}

// Components finds the strongly connected components (Tarjan's algorithm, on a stack of its own: chains may be long).
func (g *Graph) Components() *Components {
	n := len(g.out)
	t := tarjan{
		graph: g,
		seen:  make([]int, n),
		low:   make([]int, n),
		next:  make([]int, n),
		found: Components{of: make([]int, n)},
	}
	for v := range t.found.of {
		t.found.of[v] = -1
	}
	for v := range n {
		if t.seen[v] == 0 {
			t.visit(v)
		}
	}
	t.found.list()
	return &t.found
}

type tarjan struct {
	graph *Graph
	clock int
	seen  []int // time of the first visit, from 1
	low   []int // earliest vertex reachable that is in no component yet
	next  []int // position in out
	open  []int // vertices in no component yet
	found Components
	count int
}

func (t *tarjan) visit(root int) {
	path := []int{root}
	t.enter(root)
	for len(path) > 0 {
		v := path[len(path)-1]
		if t.next[v] < len(t.graph.out[v]) {
			to := t.graph.edges[t.graph.out[v][t.next[v]]].To
			t.next[v]++
			if t.seen[to] == 0 {
				t.enter(to)
				path = append(path, to)
			} else if t.found.of[to] < 0 {
				t.low[v] = min(t.low[v], t.seen[to])
			}
			continue
		}
		path = path[:len(path)-1]
		if len(path) > 0 {
			up := path[len(path)-1]
			t.low[up] = min(t.low[up], t.low[v])
		}
		if t.low[v] == t.seen[v] {
			t.close(v)
		}
	}
}

func (t *tarjan) enter(v int) {
	t.clock++
	t.seen[v], t.low[v] = t.clock, t.clock
	t.open = append(t.open, v)
}

func (t *tarjan) close(v int) {
	for {
		member := t.open[len(t.open)-1]
		t.open = t.open[:len(t.open)-1]
		t.found.of[member] = t.count
		if member == v {
			break
		}
	}
	t.count++
}

// list fills members from of, so that they come out ascending.
func (c *Components) list() {
	count := 0
	for _, component := range c.of {
		count = max(count, component+1)
	}
	c.members = make([][]int, count)
	for v, component := range c.of {
		c.members[component] = append(c.members[component], v)
	}
}
