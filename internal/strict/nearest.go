package strict

import (
	"slices"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// maxNamed is the longest name that Nearest looks at: a longer one is no slip of the finger.
const maxNamed = 64

// Nearest returns what a misspelt name probably meant: the one that differs least by case and letters, or nothing where
// none is close.
func Nearest(name string, known []string) string {
	if len(name) > maxNamed {
		return ""
	}
	differ := diffmatchpatch.New()
	best, limit := "", min(len(name)/2, 3)
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if len(candidate) > maxNamed {
			continue
		}
		diffs := differ.DiffMain(strings.ToLower(name), strings.ToLower(candidate), false)
		if distance := differ.DiffLevenshtein(diffs); distance <= limit {
			best, limit = candidate, distance-1
		}
	}
	return best
}

// Hint is what to say after "there is no such …": the nearest name, or all of them where there are few.
func Hint(name string, known []string) string {
	if best := Nearest(name, known); best != "" {
		return "did you mean " + best + "?"
	}
	const few = 20
	if len(known) == 0 {
		return "there are none"
	}
	sorted := slices.Sorted(slices.Values(known))
	if len(sorted) > few {
		return "there are " + strings.Join(sorted[:few], ", ") + " and more"
	}
	return "there are " + strings.Join(sorted, ", ")
}
