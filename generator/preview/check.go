package preview

import (
	"errors"
	"fmt"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// check finds what Argo CD or the API server would refuse in the Applications of one ApplicationSet, and what its steps
// would not do as they say.
func check(set v1alpha1.ApplicationSet, applications []v1alpha1.Application) (warnings []string, err error) {
	seen := make(map[string]bool, len(applications))
	var problems []error
	for _, application := range applications {
		if seen[application.Name] {
			problems = append(problems, fmt.Errorf("two Applications are named %q: the template's name must differ for each parameter set, as .tidegate.name does", application.Name))
		}
		seen[application.Name] = true
		if wrong := validation.IsDNS1123Subdomain(application.Name); len(wrong) > 0 {
			problems = append(problems, fmt.Errorf("%q cannot be the name of an Application: %s", application.Name, wrong[0]))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return steps(set, applications), nil
}

// owners finds Applications that two ApplicationSets would fight over.
func owners(applications []v1alpha1.Application) error {
	var problems []error
	for i := 1; i < len(applications); i++ {
		a, b := applications[i-1], applications[i]
		if a.Name == b.Name && a.Namespace == b.Namespace {
			problems = append(problems, fmt.Errorf("two ApplicationSets yield an Application %q: an Application has one owner", a.Name))
		}
	}
	return errors.Join(problems...)
}

// steps warns of RollingSync steps that do not do what they seem to (argo-cd applicationset/controllers, buildAppDependencyList
// and buildAppSyncMap).
func steps(set v1alpha1.ApplicationSet, applications []v1alpha1.Application) (warnings []string) {
	strategy := set.Spec.Strategy
	if strategy == nil || strategy.Type != "RollingSync" || strategy.RollingSync == nil {
		return nil
	}
	warn := func(format string, args ...any) {
		warnings = append(warnings, "ApplicationSet "+set.Name+": "+fmt.Sprintf(format, args...))
	}
	counts := make([]int, len(strategy.RollingSync.Steps))
	for _, application := range applications {
		var in []string
		for i, step := range strategy.RollingSync.Steps {
			if selects(step, application.Labels) {
				counts[i]++
				in = append(in, fmt.Sprint(i+1))
			}
		}
		switch len(in) {
		case 0:
			warn("%s is in no step: Argo CD never syncs it", application.Name)
		case 1:
		default:
			warn("%s is in steps %s: only one may select it", application.Name, strings.Join(in, " and "))
		}
	}
	for i, step := range strategy.RollingSync.Steps {
		if counts[i] == 0 && step.MaxUpdate != nil && (step.MaxUpdate.String() == "0" || step.MaxUpdate.String() == "0%") {
			warn("step %d holds nothing: it selects no Application, so the steps after it do not wait for a human", i+1)
		}
	}
	return warnings
}

func selects(step v1alpha1.ApplicationSetRolloutStep, labels map[string]string) bool {
	for _, expression := range step.MatchExpressions {
		value, has := labels[expression.Key]
		listed := false
		for _, other := range expression.Values {
			listed = listed || has && other == value
		}
		switch expression.Operator {
		case "In":
			if !listed {
				return false
			}
		case "NotIn":
			if listed {
				return false
			}
		default:
			return false
		}
	}
	return true
}
