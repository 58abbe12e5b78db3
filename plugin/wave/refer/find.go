package refer

import (
	"errors"
	"slices"
)

// Edge says that one object of a set needs another first.
type Edge struct {
	// From and To are places in Set.Items.
	From, To int
	// Field is the path in From that made the edge, or "Kind name: path" where it stands in another object.
	Field    string
	Strength Strength
	// Declared says that people wrote this order down, rather than a field that has another purpose.
	Declared bool
	// Soft says that From becomes healthy without To, too; the order only spares it a wrong start.
	Soft bool
}

// Result is all that was found.
type Result struct {
	// Edges are ordered by From, then as found. Of equal pairs only the strongest is kept.
	Edges []Edge
	// Missing are the objects that depends-on names and the set does not have.
	Missing []Missing
}

// Missing is a declared reference to what is not there.
type Missing struct {
	From  int
	Field string
	Text  string
}

// Find finds all references between the objects of the set. Extra rows add to the built-in ones. An error tells of a
// depends-on annotation that cannot be read.
func Find(set *Set, extra []Reference) (*Result, error) {
	if len(extra) == 0 {
		return find(set, builtinFields())
	}
	return find(set, builtinFields(), newFields(extra))
}

func find(set *Set, tables ...*fields) (*Result, error) {
	f := &finder{set: set, seen: map[pair]int{}}
	f.index()
	f.rights()
	f.producers()
	f.fields(tables...)
	f.claims()
	f.definitions()
	f.accounts()
	f.policies()
	f.disruption()
	f.replaced()
	f.controllers()
	err := f.declared()
	f.webhooks()
	slices.SortStableFunc(f.edges, func(a, b Edge) int { return a.From - b.From })
	return &Result{Edges: f.edges, Missing: f.missing}, err
}

type finder struct {
	set       *Set
	edges     []Edge
	seen      map[pair]int // number of the edge
	pods      podIndex
	makers    map[secret][]int
	accountOf map[account][]int // workloads that run as an account
	bindings  []binding
	control   map[resource][]control // who controls which custom resources
	missing   []Missing
	errs      []error
}

type pair struct {
	from, to int
	declared bool
}

// add remembers an edge; of two between the same objects the stronger one, found first.
func (f *finder) add(e Edge) {
	if e.From == e.To && !e.Declared {
		return
	}
	key := pair{e.From, e.To, e.Declared}
	if number, ok := f.seen[key]; ok {
		if old := &f.edges[number]; old.Strength == Applied && e.Strength == Healthy || old.Soft && !e.Soft {
			*old = e
		}
		return
	}
	f.seen[key] = len(f.edges)
	f.edges = append(f.edges, e)
}

func (f *finder) failure() error { return errors.Join(f.errs...) }
