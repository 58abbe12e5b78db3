package params

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
)

// World is what parameter sets are computed from.
type World struct {
	View     *catalog.View
	Clusters []fleet.Cluster
	// Held says that what was there is held. An environment without clusters, or a name in the input that is not there, is a
	// finding then, and yields nothing; where nobody holds anything, fewer sets would look like the truth.
	Held bool
}

// Result is the parameter sets of a world, and what people should know about them.
type Result struct {
	// Sets are in the order of service, environment (as tidegate.yaml has them) and cluster; never none.
	Sets []Set
	// Findings do not keep a set out of the answer.
	Findings []Finding
}

// Answer is what is marshalled for Argo CD.
func (r *Result) Answer() Answer {
	parameters := make([]Parameters, len(r.Sets))
	for i, set := range r.Sets {
		parameters[i].Tidegate = set
	}
	return Answer{Output{parameters}}
}

// Finding is something that is wrong and does not stop the answer.
type Finding struct {
	Kind FindingKind
	// Path is the folder in the repository that it is about.
	Path string
	// Message begins with the path.
	Message string
}

// FindingKind tells findings apart: metrics count by it.
type FindingKind string

// The kinds of findings.
const (
	// BrokenOverlay is one that cannot be rendered: its Application has the facts last known, or the safe default.
	BrokenOverlay FindingKind = "broken-overlay"
	// ReadsOutside is an overlay that reads files which Argo CD will neither send to the plugin nor watch.
	ReadsOutside FindingKind = "reads-outside"
	// UnknownCluster is a folder clusters/<cluster> whose cluster is not registered: it yields no Application.
	UnknownCluster FindingKind = "unknown-cluster"
	// VacantEnvironment is one whose selector matches no cluster: it yields no Application.
	VacantEnvironment FindingKind = "vacant-environment"
	// UndeclaredProtection is an environment that is protected by name and that tidegate.yaml does not have.
	UndeclaredProtection FindingKind = "undeclared-protection"
	// UnknownName is a service or an environment that the input names and that is not there: it yields no Application.
	UnknownName FindingKind = "unknown-name"
	// NoOverlay is a service without overlays: it yields no Application.
	NoOverlay FindingKind = "no-overlay"
	// TooMany is more Applications than one ApplicationSet should have.
	TooMany FindingKind = "too-many"
)

// Refusal is why there is no answer: the repository and the clusters do not fit together. Everything that is wrong is
// listed.
type Refusal struct {
	// Problems are one line each.
	Problems []string
	// Empty says that the repository has nothing of the kind that was asked for.
	Empty bool
}

// maxProblems is how many one message lists.
const maxProblems = 20

func (e *Refusal) Error() string {
	problems := e.Problems
	if len(problems) > maxProblems {
		problems = append(problems[:maxProblems:maxProblems], fmt.Sprintf("and %d more", len(e.Problems)-maxProblems))
	}
	return strings.Join(problems, "\n")
}
