package explain

import (
	"cmp"
	"slices"
)

const (
	itemGap    = 14.0
	passageGap = 8.0
)

// place gives every item its height on the page: as near to what it is joined with as the order in its column allows.
// It returns how high the tallest column is.
func (l *layered) place() float64 {
	tallest := 0.0
	for _, column := range l.columns {
		tallest = max(tallest, l.stack(column))
	}
	for _, column := range l.columns {
		l.centre(column, tallest)
	}
	const passes = 8
	left, right := l.neighbours()
	for pass := range passes {
		for c := range l.columns {
			if pass%2 == 0 {
				l.settle(c, left, right, tallest)
			} else {
				l.settle(len(l.columns)-1-c, right, left, tallest)
			}
		}
	}
	return l.trim()
}

func (l *layered) gap(a, b int) float64 {
	if l.items[a].passage() || l.items[b].passage() {
		return passageGap
	}
	return itemGap
}

// stack puts a column's items one below the other and returns how high they stand.
func (l *layered) stack(column []int) float64 {
	y := 0.0
	for i, at := range column {
		if i > 0 {
			y += l.gap(column[i-1], at)
		}
		l.items[at].y = y + l.items[at].height/2
		y += l.items[at].height
	}
	return y
}

func (l *layered) centre(column []int, height float64) {
	shift := (height - l.stack(column)) / 2
	for _, at := range column {
		l.items[at].y += shift
	}
}

// settle moves a column's items to where their neighbours are: the nearest heights, by least squares, that keep order and
// gaps (the pool-adjacent-violators method), inside the picture.
func (l *layered) settle(c int, neighbours, fallback [][]int, height float64) {
	column := l.columns[c]
	type block struct{ sum, weight float64 }
	offsets := make([]float64, len(column))
	var blocks []block
	var sizes []int
	for i, at := range column {
		if i > 0 {
			before := column[i-1]
			offsets[i] = offsets[i-1] + (l.items[before].height+l.items[at].height)/2 + l.gap(before, at)
		}
		wish, weight := l.wish(at, neighbours, fallback)
		blocks = append(blocks, block{sum: (wish - offsets[i]) * weight, weight: weight})
		sizes = append(sizes, 1)
		for n := len(blocks); n > 1 && blocks[n-2].sum/blocks[n-2].weight > blocks[n-1].sum/blocks[n-1].weight; n-- {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].weight += blocks[n-1].weight
			sizes[n-2] += sizes[n-1]
			blocks, sizes = blocks[:n-1], sizes[:n-1]
		}
	}
	if len(column) == 0 {
		return
	}
	top := l.items[column[0]].height / 2
	bottom := height - offsets[len(column)-1] - l.items[column[len(column)-1]].height/2
	i := 0
	for b, size := range sizes {
		base := min(max(blocks[b].sum/blocks[b].weight, top), max(bottom, top))
		for range size {
			l.items[column[i]].y = base + offsets[i]
			i++
		}
	}
}

// wish is where an item wants to be, and how much. Passages want it most: a straight long line reads best.
func (l *layered) wish(at int, neighbours, fallback [][]int) (y, weight float64) {
	near, weight := neighbours[at], 1.0
	if len(near) == 0 {
		near, weight = fallback[at], 0.5
	}
	if len(near) == 0 {
		return l.items[at].y, 0.1
	}
	sum := 0.0
	for _, other := range near {
		sum += l.items[other].y
	}
	if l.items[at].passage() {
		weight = 4
	}
	return sum / float64(len(near)), weight
}

// trim moves everything up to the top and returns the height that is left.
func (l *layered) trim() float64 {
	if len(l.items) == 0 {
		return 0
	}
	top := func(i item) float64 { return i.y - i.height/2 }
	first := slices.MinFunc(l.items, func(a, b item) int { return cmp.Compare(top(a), top(b)) })
	shift, height := top(first), 0.0
	for i := range l.items {
		l.items[i].y -= shift
		height = max(height, l.items[i].y+l.items[i].height/2)
	}
	return height
}
