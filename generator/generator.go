// Package generator works out what Argo CD's plugin generator is answered: the parameter sets of one repository on one
// fleet.
//
// It never answers with less than the repository demands: what is not known is an error, and an answer without a
// parameter set, for which Argo CD would delete every Application, does not exist.
package generator

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
)

// Request is what an ApplicationSet asks for.
type Request struct {
	// ApplicationSet is its name; its namespace is not told.
	ApplicationSet string
	Input          params.Input
}

// Answer is what an ApplicationSet is answered, and what is to be known about it. It has Sets or Body, and is never empty.
type Answer struct {
	Sets []params.Set
	// Body is the answer as it is sent, where it has been marshalled already: params.Answer with Count parameter sets.
	Body  []byte
	Count int
	// Findings are what is wrong and did not stop the answer.
	Findings []params.Finding
	// Revision is that of the repository.
	Revision string
	// Rendered is how many overlays had to be rendered for this answer.
	Rendered int
}

// Size is how many parameter sets an answer has.
func (a *Answer) Size() int { return max(len(a.Sets), a.Count) }

// Empty tells whether there is no parameter set in what would be sent.
func (a *Answer) Empty() bool {
	if a.Body != nil {
		return a.Count == 0 || len(a.Body) == 0
	}
	return len(a.Sets) == 0
}

// Answerer answers. Implementations wrap one another. An error is a *params.InputError where the request is at fault, a
// *params.Refusal where the repository and the clusters do not fit together; any other means that something is not known.
type Answerer interface {
	Answer(ctx context.Context, request Request) (*Answer, error)
}

// Repository is what a catalog knows.
type Repository interface {
	Read(ctx context.Context) (*catalog.View, error)
}

// New answers from a repository and a fleet as they are at that moment.
func New(repository Repository, clusters fleet.Fleet) Answerer {
	return sources{repository, clusters}
}

type sources struct {
	repository Repository
	fleet      fleet.Fleet
}

func (s sources) Answer(ctx context.Context, request Request) (*Answer, error) {
	view, err := s.repository.Read(ctx)
	if err != nil {
		return nil, err
	}
	clusters, err := s.fleet.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	result, err := params.Compute(params.World{View: view, Clusters: clusters}, request.Input)
	if err != nil {
		return nil, err
	}
	if len(result.Sets) == 0 {
		return nil, errors.New("no parameter sets: Argo CD would delete every Application of this ApplicationSet")
	}
	return &Answer{Sets: result.Sets, Findings: result.Findings, Revision: view.Revision, Rendered: view.Rendered}, nil
}
