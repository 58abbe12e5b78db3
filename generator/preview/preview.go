// Package preview computes the Applications that ApplicationSets yield, with Argo CD's own code: its plugin generator, whose
// HTTP client asks our server over a loopback connection, and its templates.
//
// It never computes an Application by itself, so it cannot disagree with Argo CD, and it talks to no cluster.
package preview

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// Options say what is computed.
type Options struct {
	Answerer generator.Answerer
	// ApplicationSets are those of Argo CD's namespace.
	ApplicationSets []v1alpha1.ApplicationSet
	// Services and Environments narrow what is computed; without them, all.
	Services, Environments []string
	// Progress is told how many Applications of an ApplicationSet are computed. It may be nil.
	Progress func(applicationSet string, done, total int)
}

// Result is what ApplicationSets yield.
type Result struct {
	// Applications are sorted by name.
	Applications []v1alpha1.Application
	// Warnings are what a person should know about them, a line each.
	Warnings []string
	// Findings are what is wrong in the repository and did not stop the answer.
	Findings []params.Finding
}

// Lines are warnings and findings, each once.
func (r *Result) Lines() []string {
	lines := slices.Clone(r.Warnings)
	for _, finding := range r.Findings {
		if !slices.Contains(lines, finding.Message) {
			lines = append(lines, finding.Message)
		}
	}
	return lines
}

// Argo CD's client uses the HTTP transport of the whole process, and its log.
var alone sync.Mutex

// Run computes the Applications. Only one runs at a time in a process. An error names the ApplicationSet.
func Run(ctx context.Context, options Options) (*Result, error) {
	alone.Lock()
	defer alone.Unlock()
	defer quiet()()
	asked := &recorder{next: narrow(options)}
	server, err := listen(asked)
	if err != nil {
		return nil, err
	}
	defer server.close()
	result := &Result{}
	for _, set := range options.ApplicationSets {
		if len(options.Services)+len(options.Environments) > 0 && KindOf(set) == params.ClusterConfig {
			continue
		}
		applications, err := generate(ctx, set, server, asked, options.Progress)
		if err != nil {
			return nil, fmt.Errorf("ApplicationSet %s: %w", set.Name, err)
		}
		warnings, err := check(set, applications)
		if err != nil {
			return nil, fmt.Errorf("ApplicationSet %s: %w", set.Name, err)
		}
		result.Applications = append(result.Applications, applications...)
		result.Warnings = append(result.Warnings, warnings...)
		result.Findings = append(result.Findings, asked.answer.Findings...)
	}
	slices.SortStableFunc(result.Applications, func(a, b v1alpha1.Application) int { return strings.Compare(a.Name, b.Name) })
	return result, owners(result.Applications)
}

// narrow lets an ApplicationSet ask for less than it does.
func narrow(options Options) generator.Answerer {
	if len(options.Services)+len(options.Environments) == 0 {
		return options.Answerer
	}
	return narrowed{options.Answerer, options.Services, options.Environments}
}

type narrowed struct {
	next                   generator.Answerer
	services, environments []string
}

func (n narrowed) Answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	request.Input.Services = both(request.Input.Services, n.services)
	request.Input.Environments = both(request.Input.Environments, n.environments)
	return n.next.Answer(ctx, request)
}

// both is what two lists have in common, where an empty one stands for everything. Where they have nothing in common it is
// the second, so that nothing asked for is left out silently.
func both(a, b []string) []string {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	common := slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
	if len(common) == 0 {
		return b
	}
	return common
}

// recorder keeps what was answered last.
type recorder struct {
	next   generator.Answerer
	answer *generator.Answer
	err    error
}

func (r *recorder) Answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	r.answer, r.err = r.next.Answer(ctx, request)
	return r.answer, r.err
}
