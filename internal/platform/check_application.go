package platform

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	unversioned "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Reserved are the labels and annotations that Tidegate writes itself.
var Reserved = []string{
	v1alpha1.AnnotationKeyManifestGeneratePaths,
	"tidegate.dev/parameters",
	"tidegate.dev/kind", "tidegate.dev/service", "tidegate.dev/environment", "tidegate.dev/cluster", "tidegate.dev/batch",
}

// choices are the values of the plugin's settings.
var choices = map[string][]string{
	"waves":          {"tiers", "minimal", "off"},
	"policy":         {"enforce", "warn", "off"},
	"floatingImages": {"warn", "refuse"},
}

// variable is the name of a value: what the plugin substitutes ${NAME} for.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c check) application(at string, a Application) {
	c.metadata(at, a)
	c.syncPolicy(at+".syncPolicy", a.SyncPolicy)
	for i, ignored := range a.IgnoreDifferences {
		c.ignored(fmt.Sprintf("%s.ignoreDifferences[%d]", at, i), ignored)
	}
	c.variables(at+".values", a.Values)
	c.variables(at+".plugin.substitutions", a.Plugin.Substitutions)
	for name, value := range map[string]string{
		"waves": a.Plugin.Waves, "policy": a.Plugin.Policy, "floatingImages": a.Plugin.FloatingImages,
	} {
		if value != "" && !slices.Contains(choices[name], value) {
			c.Add(at+".plugin."+name, "%q is none of %s", value, strings.Join(choices[name], ", "))
		}
	}
}

func (c check) metadata(at string, a Application) {
	root := field.NewPath(at)
	c.invalid(at+".labels", unversioned.ValidateLabels(a.Labels, root.Child("labels")))
	c.invalid(at+".annotations", apivalidation.ValidateAnnotations(a.Annotations, root.Child("annotations")))
	for _, key := range Reserved {
		for where, has := range map[string]map[string]string{".labels": a.Labels, ".annotations": a.Annotations} {
			if _, set := has[key]; set {
				c.Add(at+where+"."+key, "is written by Tidegate; leave it out")
			}
		}
	}
	if a.Finalizers == nil {
		return
	}
	for i, finalizer := range *a.Finalizers {
		name := fmt.Sprintf("%s.finalizers[%d]", at, i)
		if slices.Contains((*a.Finalizers)[:i], finalizer) {
			c.Add(name, "%q is listed twice", finalizer)
		}
		c.invalid(name, apivalidation.ValidateFinalizerName(finalizer, field.NewPath(name)))
	}
}

// invalid notes what Kubernetes' own checks have found.
func (c check) invalid(at string, problems field.ErrorList) {
	for _, problem := range problems {
		c.Add(at, "%q: %s", fmt.Sprint(problem.BadValue), problem.Detail)
	}
}

// syncPolicy checks what Argo CD would only complain of when it retries.
func (c check) syncPolicy(at string, policy *v1alpha1.SyncPolicy) {
	if policy == nil || policy.Retry == nil || policy.Retry.Backoff == nil {
		return
	}
	backoff := policy.Retry.Backoff
	for name, value := range map[string]string{"duration": backoff.Duration, "maxDuration": backoff.MaxDuration} {
		if value == "" {
			continue
		}
		if _, err := time.ParseDuration(value); err != nil {
			c.Add(at+".retry.backoff."+name, "%q is not a duration such as 30s or 3m", value)
		}
	}
}

func (c check) ignored(at string, ignored v1alpha1.ResourceIgnoreDifferences) {
	if ignored.Kind == "" {
		c.Add(at, "kind is missing")
	}
	if len(ignored.JSONPointers)+len(ignored.JQPathExpressions)+len(ignored.ManagedFieldsManagers) == 0 {
		c.Add(at, "ignores nothing: name jsonPointers, jqPathExpressions or managedFieldsManagers")
	}
	for i, pointer := range ignored.JSONPointers {
		if !strings.HasPrefix(pointer, "/") {
			c.Add(fmt.Sprintf("%s.jsonPointers[%d]", at, i), "%q is no JSON pointer: want /spec/replicas", pointer)
		}
	}
}

func (c check) variables(at string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := CheckVariable(name); err != nil {
			c.Add(at+"."+name, "%v", err)
		}
	}
}

// CheckVariable tells what is wrong with the name of a value.
func CheckVariable(name string) error {
	if !variable.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of a value: want letters, digits and underscores, no digit first", name)
	}
	return nil
}
