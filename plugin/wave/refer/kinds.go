package refer

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/table"
)

// Kind is a kind of objects, whatever the API version.
type Kind struct {
	Group, Kind string
}

// ParseKind reads Kind.group, or the kind alone for the core group.
func ParseKind(text string) Kind {
	kind, group, _ := strings.Cut(text, ".")
	return Kind{group, kind}
}

// String writes what ParseKind reads.
func (k Kind) String() string {
	return manifest.ID{Group: k.Group, Kind: k.Kind}.GroupKind()
}

//go:embed kinds.yaml
var kindsTable string

// kindFacts is what has to be known of kinds without asking a cluster.
type kindFacts struct {
	cluster map[Kind]bool   // kinds that have no namespace
	builtIn map[string]bool // groups of Kubernetes itself
	same    map[Kind]Kind   // old names of kinds
}

var kinds = sync.OnceValue(func() kindFacts {
	facts := kindFacts{map[Kind]bool{}, map[string]bool{"": true}, map[Kind]Kind{}}
	for row := range table.Rows(kindsTable) {
		values := row.Fields[0].Values
		switch row.Fields[0].Key {
		case "cluster":
			for _, value := range values {
				facts.cluster[ParseKind(value)] = true
			}
		case "groups":
			for _, value := range values {
				facts.builtIn[value] = true
			}
		case "kind":
			facts.same[ParseKind(values[0])] = ParseKind(row.Fields[1].Values[0])
		}
	}
	return facts
})

// Canonical is the kind under which an object is known here: two names of one kind are one kind.
func Canonical(kind Kind) Kind {
	if kind.Group != "extensions" {
		return kind
	}
	if now, ok := kinds().same[kind]; ok {
		return now
	}
	return kind
}

// custom says whether a kind is defined by a CustomResourceDefinition, wherever that is.
func custom(kind Kind) bool { return !kinds().builtIn[kind.Group] }
