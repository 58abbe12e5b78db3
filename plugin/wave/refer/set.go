// Package refer finds what the objects of one set refer to: it turns objects into edges that say who needs whom, how
// much, and which field says so.
//
// Where references live is a table (references.yaml) that users extend; what no table can say (selectors, rights,
// webhooks' rules, annotations) is code, one family to a file. It never orders anything.
package refer

import (
	"github.com/tidegate/tidegate/plugin/manifest"
)

// Item is one object of a set.
type Item struct {
	Object manifest.Object
	// ID has the effective namespace: the destination's for a namespaced object without one.
	ID manifest.ID
	// Kind is the canonical kind.
	Kind Kind
	// Pods is what the object makes pods from; nil where it makes none.
	Pods *Pods
}

// Set is the objects of one Application.
type Set struct {
	Items []Item
	// Namespace is the destination's.
	Namespace string

	byID    map[manifest.ID]int
	byKind  map[Kind][]int
	scopes  map[Kind]bool   // cluster-scoped or not, as the tree's CustomResourceDefinitions say
	plurals map[Kind]string // resource names, as the tree's CustomResourceDefinitions say
	crds    map[Kind]int    // the CustomResourceDefinition of a kind
}

// NewSet indexes the objects. Of two of the same identity the first is the one that references find.
func NewSet(objects []manifest.Object, namespace string) *Set {
	s := &Set{
		Items:     make([]Item, len(objects)),
		Namespace: namespace,
		byID:      make(map[manifest.ID]int, len(objects)),
		byKind:    map[Kind][]int{},
		scopes:    map[Kind]bool{},
		plurals:   map[Kind]string{},
		crds:      map[Kind]int{},
	}
	for i, object := range objects {
		s.definition(i, object)
	}
	for i, object := range objects {
		item := &s.Items[i]
		item.Object = object
		item.ID = object.ID()
		item.Kind = Canonical(Kind{item.ID.Group, item.ID.Kind})
		item.ID.Namespace = s.effective(item.Kind, item.ID.Namespace)
		item.Pods = podsOf(item.Kind, object)
		s.byKind[item.Kind] = append(s.byKind[item.Kind], i)
		if item.ID.Name == "" {
			continue
		}
		key := item.key()
		if _, taken := s.byID[key]; !taken {
			s.byID[key] = i
		}
	}
	return s
}

// Find returns the object of that kind and name, if the set has it. Without a namespace it is the destination's.
func (s *Set) Find(kind Kind, namespace, name string) (int, bool) {
	kind = Canonical(kind)
	i, ok := s.byID[manifest.ID{
		Group: kind.Group, Kind: kind.Kind, Namespace: s.effective(kind, namespace), Name: name,
	}]
	return i, ok
}

// Of returns the objects of a kind, in the order of the set.
func (s *Set) Of(kind Kind) []int { return s.byKind[kind] }

// effective is the namespace in which an object of the kind ends up.
func (s *Set) effective(kind Kind, namespace string) string {
	cluster, known := s.scopes[kind]
	if !known {
		cluster = kinds().cluster[kind]
	}
	switch {
	case cluster:
		return ""
	case namespace == "":
		return s.Namespace
	}
	return namespace
}

func (i *Item) key() manifest.ID {
	return manifest.ID{Group: i.Kind.Group, Kind: i.Kind.Kind, Namespace: i.ID.Namespace, Name: i.ID.Name}
}

var crdKind = Kind{"apiextensions.k8s.io", "CustomResourceDefinition"}

// definition remembers what a CustomResourceDefinition says of its kind.
func (s *Set) definition(i int, object manifest.Object) {
	if object.Kind() != crdKind.Kind || object.Group() != crdKind.Group {
		return
	}
	kind := Kind{object.String("spec", "group"), object.String("spec", "names", "kind")}
	if kind.Kind == "" {
		return
	}
	s.crds[kind] = i
	s.plurals[kind] = object.String("spec", "names", "plural")
	if scope := object.String("spec", "scope"); scope != "" {
		s.scopes[kind] = scope == "Cluster"
	}
}
