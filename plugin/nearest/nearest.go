// Package nearest finds what a misspelt name probably meant.
package nearest

import "strings"

// maxNamed is the longest name that Name looks at: a longer one is no slip of the finger.
const maxNamed = 64

// Name returns the name that differs least from the one given, by case or by at most a third of its letters; empty
// where none is that close. Names must be sorted: the first of equals wins.
func Name(name string, names []string) string {
	if len(name) > maxNamed {
		return ""
	}
	best, limit := "", min(len(name)/3, 3)
	upper := strings.ToUpper(name)
	for _, candidate := range names {
		if len(candidate) > len(name)+limit || len(name) > len(candidate)+limit {
			continue
		}
		if d := distance(upper, strings.ToUpper(candidate)); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
