package explain

import (
	"cmp"
	"slices"
)

// layered is a graph made ready for drawing in columns: one column per stage, and wherever a link passes a column, a
// passage in it, so that no line runs through a box. Lines with the same start and look share their passages.
type layered struct {
	columns [][]int // items by column, top to bottom
	items   []item
	lines   []line
	routes  []route
}

// item is a box or a passage.
type item struct {
	node   int // -1 for a passage
	column int
	height float64
	y      float64 // the middle
}

func (i item) passage() bool { return i.node < 0 }

// line joins two items of neighbouring columns, left to right.
type line struct{ left, right int }

// route is a link's way: the lines in order, or none where both ends are in one column.
type route struct {
	link  link
	lines []int
	// back says that what must be first stands in the later column: the picture shows that something is wrong.
	back bool
}

const passageHeight = 10

func newLayered(g *graph, height func(node) float64) *layered {
	l := &layered{columns: make([][]int, len(g.stages))}
	for i, n := range g.nodes {
		l.items = append(l.items, item{node: i, column: n.stage, height: height(n)})
		l.columns[n.stage] = append(l.columns[n.stage], i)
	}
	type trunk struct {
		start, column int
		look          string
	}
	passages := map[trunk]int{}
	known := map[line]map[string]int{}
	for _, link := range unimplied(g) {
		r := route{link: link}
		left, right := link.first, link.then
		if l.items[left].column > l.items[right].column {
			left, right, r.back = right, left, true
		}
		look := lookOf(link, r.back)
		for at := left; l.items[at].column < l.items[right].column; {
			next := right
			if column := l.items[at].column + 1; column < l.items[right].column {
				key := trunk{start: link.first, column: column, look: look}
				passage, seen := passages[key]
				if !seen {
					passage = len(l.items)
					passages[key] = passage
					l.items = append(l.items, item{node: -1, column: column, height: passageHeight})
					l.columns[column] = append(l.columns[column], passage)
				}
				next = passage
			}
			step := line{left: at, right: next}
			if _, seen := known[step][look]; !seen {
				if known[step] == nil {
					known[step] = map[string]int{}
				}
				known[step][look] = len(l.lines)
				l.lines = append(l.lines, step)
			}
			r.lines = append(r.lines, known[step][look])
			at = next
		}
		l.routes = append(l.routes, r)
	}
	l.order()
	return l
}

// unimplied leaves out links that others imply: the Namespace before a Deployment, where a ServiceAccount stands between
// them. Only links that ask for no health are implied by others.
func unimplied(g *graph) []link {
	next := make([][]int, len(g.nodes))
	for _, l := range g.links {
		next[l.first] = append(next[l.first], l.then)
	}
	var kept []link
	for _, l := range g.links {
		if lookOf(l, false) == lookApplied && reaches(next, l.first, l.then) {
			next[l.first] = slices.DeleteFunc(next[l.first], func(n int) bool { return n == l.then })
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

// reaches says whether a way of two links or more leads from one node to another, through none twice.
func reaches(next [][]int, from, to int) bool {
	seen := make([]bool, len(next))
	seen[from] = true
	var todo []int
	for _, n := range next[from] {
		if n != to && !seen[n] {
			seen[n] = true
			todo = append(todo, n)
		}
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range next[at] {
			if n == to {
				return true
			}
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return false
}

// order moves every item next to what it is joined with (the barycenter method) and keeps the order with the fewest
// crossings.
func (l *layered) order() {
	const passes = 12
	left, right := l.neighbours()
	best, fewest := cloneColumns(l.columns), l.crossings()
	for pass := 0; pass < passes && fewest > 0; pass++ {
		if pass%2 == 0 {
			for c := 1; c < len(l.columns); c++ {
				l.sortColumn(c, left)
			}
		} else {
			for c := len(l.columns) - 2; c >= 0; c-- {
				l.sortColumn(c, right)
			}
		}
		if n := l.crossings(); n < fewest {
			best, fewest = cloneColumns(l.columns), n
		}
	}
	l.columns = best
}

// neighbours are, for every item, those to its left and those to its right.
func (l *layered) neighbours() (left, right [][]int) {
	left, right = make([][]int, len(l.items)), make([][]int, len(l.items))
	for _, s := range l.lines {
		left[s.right] = append(left[s.right], s.left)
		right[s.left] = append(right[s.left], s.right)
	}
	return left, right
}

func (l *layered) sortColumn(column int, neighbours [][]int) {
	place := l.places()
	weight := map[int]float64{}
	for _, i := range l.columns[column] {
		weight[i] = place[i]
		if n := len(neighbours[i]); n > 0 {
			sum := 0.0
			for _, other := range neighbours[i] {
				sum += place[other]
			}
			weight[i] = sum / float64(n)
		}
	}
	slices.SortStableFunc(l.columns[column], func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
}

// places are how far down its column every item is, from 0 to 1.
func (l *layered) places() []float64 {
	place := make([]float64, len(l.items))
	for _, column := range l.columns {
		for i, at := range column {
			place[at] = (float64(i) + 0.5) / float64(len(column))
		}
	}
	return place
}

func (l *layered) crossings() int {
	place := l.places()
	byColumn := make([][]line, len(l.columns))
	for _, s := range l.lines {
		byColumn[l.items[s.left].column] = append(byColumn[l.items[s.left].column], s)
	}
	n := 0
	for _, lines := range byColumn {
		for i, a := range lines {
			for _, b := range lines[:i] {
				if (place[a.left]-place[b.left])*(place[a.right]-place[b.right]) < 0 {
					n++
				}
			}
		}
	}
	return n
}

func cloneColumns(columns [][]int) [][]int {
	out := make([][]int, len(columns))
	for i, c := range columns {
		out[i] = slices.Clone(c)
	}
	return out
}
