// Package graph puts vertices in levels: what a vertex needs lies below it.
//
// It knows vertices, weighted edges, strongly connected components and longest paths, all in time linear in vertices
// plus edges, and nothing of Kubernetes.
package graph

// Edge says that From needs To, which lies at least Weight levels below it.
type Edge struct {
	From, To, Weight int
}

// Graph is a set of vertices 0..n-1 and the edges between them.
type Graph struct {
	edges []Edge
	out   [][]int32 // edge numbers by From, in the order added
}

// New makes a graph of n vertices without edges.
func New(n int) *Graph {
	return &Graph{out: make([][]int32, n)}
}

// Add adds an edge and returns its number, counted from 0.
func (g *Graph) Add(from, to, weight int) int {
	number := len(g.edges)
	g.edges = append(g.edges, Edge{from, to, weight})
	g.out[from] = append(g.out[from], int32(number))
	return number
}

// Edge returns the edge of that number.
func (g *Graph) Edge(number int) Edge { return g.edges[number] }

// Levels gives every vertex the least level that is not below its floor, and far enough above all that it needs.
// The members of one component share a level. The second result is the edge that decided each vertex, or -1 where the
// floor did; of several, the one added first.
func (g *Graph) Levels(c *Components, floor []int) (level, by []int) {
	level, by = make([]int, len(g.out)), make([]int, len(g.out))
	for number := range c.members {
		g.settle(c, c.members[number], floor, level, by)
	}
	return level, by
}

// settle computes one component, of which all that it needs is settled.
func (g *Graph) settle(c *Components, members []int, floor, level, by []int) {
	top := floor[members[0]]
	for _, v := range members {
		level[v], by[v] = floor[v], -1
		for _, number := range g.out[v] {
			e := g.edges[number]
			if c.of[e.To] == c.of[v] {
				continue
			}
			if l := level[e.To] + e.Weight; l > level[v] {
				level[v], by[v] = l, int(number)
			}
		}
		top = max(top, level[v])
	}
	for _, v := range members {
		level[v] = top
	}
}

// From returns the edges that start at the vertex, in the order added.
func (g *Graph) From(vertex int) []Edge {
	out := make([]Edge, len(g.out[vertex]))
	for i, number := range g.out[vertex] {
		out[i] = g.edges[number]
	}
	return out
}
