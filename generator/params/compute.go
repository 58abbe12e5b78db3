package params

import (
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
)

// World is what parameter sets are computed from.
type World struct {
	View     *catalog.View
	Clusters []fleet.Cluster
}

// Result is the parameter sets of a world, and what people should know about them.
type Result struct {
	// Sets are in the order of service, environment (as tidegate.yaml has them) and cluster; never none.
	Sets []Set
	// Findings do not keep a set out of the answer: broken overlays, files read from elsewhere, folders of unknown clusters.
	Findings []Finding
}

// Finding is something that is wrong and does not stop the answer.
type Finding struct {
	// Kind is one of the constants below.
	Kind FindingKind
	// Path is the folder in the repository that it is about.
	Path string
	// Message is one line that begins with the path.
	Message string
}

// FindingKind tells findings apart: metrics count by it.
type FindingKind string

// The kinds of findings.
const (
	BrokenOverlay  FindingKind = "broken-overlay"
	ReadsOutside   FindingKind = "reads-outside"
	UnknownCluster FindingKind = "unknown-cluster"
	NoOverlay      FindingKind = "no-overlay"
)

// Refusal is why there is no answer: the repository and the clusters do not fit together. Everything that is wrong is
// listed.
type Refusal struct {
	// Problems are one line each.
	Problems []string
}

func (e *Refusal) Error() string { return "" }

// Compute works out the parameter sets. Its error is an *InputError (the input names what is not there) or a *Refusal.
func Compute(world World, input Input) (*Result, error) { return nil, nil }

// Answer is what is marshalled for Argo CD.
func (r *Result) Answer() Answer { return Answer{} }
