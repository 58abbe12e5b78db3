package preview

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/strict"
)

// Namespace is where ApplicationSets go that name none: that of an ordinary Argo CD installation.
const Namespace = "argocd"

// ParseApplicationSets reads the ApplicationSets of a file strictly, and leaves out what else it holds. An error names file
// and line.
func ParseApplicationSets(file string, data []byte) ([]v1alpha1.ApplicationSet, error) {
	documents, err := strict.Documents(file, data)
	if err != nil {
		return nil, err
	}
	var sets []v1alpha1.ApplicationSet
	var problems strict.Errors
	for _, document := range documents {
		if document.Text("kind") != "ApplicationSet" {
			continue
		}
		var set v1alpha1.ApplicationSet
		if document.Decode(&set) == nil {
			if set.Namespace == "" {
				set.Namespace = Namespace
			}
			sets = append(sets, set)
		}
		problems = append(problems, document.Errors...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("%s holds no ApplicationSet", file)
	}
	return sets, nil
}

// supported refuses what cannot be computed without a cluster, or not as it would be on one.
func supported(set v1alpha1.ApplicationSet) error {
	if !set.Spec.GoTemplate {
		return errors.New("spec.goTemplate must be true: without it Argo CD makes text of lists and maps")
	}
	if len(set.Spec.Generators) == 0 {
		return errors.New("spec.generators is empty")
	}
	for i, generator := range set.Spec.Generators {
		generator.Selector = nil
		if generator.Plugin == nil {
			return fmt.Errorf("spec.generators[%d] is no plugin generator: what it yields cannot be known without a cluster", i)
		}
		generator.Plugin = nil
		if generator != (v1alpha1.ApplicationSetGenerator{}) {
			return fmt.Errorf("spec.generators[%d] is several generators in one", i)
		}
	}
	return nil
}

// KindOf tells which kind of Applications an ApplicationSet asks for.
func KindOf(set v1alpha1.ApplicationSet) string {
	for _, generator := range set.Spec.Generators {
		if generator.Plugin == nil {
			continue
		}
		var kind string
		if json.Unmarshal(generator.Plugin.Input.Parameters["kind"].Raw, &kind) == nil && kind != "" {
			return kind
		}
	}
	return params.Services
}
