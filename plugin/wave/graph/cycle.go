package graph

// Cycle returns the numbers of edges that lead from the first of the members back to it, a shortest such way. The
// members must be one component; a vertex that needs itself is a cycle of one edge. Nil where there is none.
func (g *Graph) Cycle(members []int) []int {
	inside := make(map[int]bool, len(members))
	for _, v := range members {
		inside[v] = true
	}
	start := members[0]
	came := map[int]int{} // edge by which a vertex was reached
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		for _, number := range g.out[queue[0]] {
			to := g.edges[number].To
			if _, known := came[to]; known || !inside[to] {
				continue
			}
			came[to] = int(number)
			if to == start {
				return g.way(came, start)
			}
			queue = append(queue, to)
		}
	}
	return nil
}

// way walks back from start to start and returns the edges in walking order.
func (g *Graph) way(came map[int]int, start int) []int {
	var back []int
	for at := start; ; {
		number := came[at]
		back = append(back, number)
		if at = g.edges[number].From; at == start {
			break
		}
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return back
}
