package preview

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
)

// Difference is one field in which a generated Application is not what was written by hand.
type Difference struct {
	// Field is its place: spec.syncPolicy.retry.limit.
	Field string
	// Written and Generated are the values; nil where there is none.
	Written, Generated any
}

// Comparison is what became of one Application.
type Comparison struct {
	Name string
	// Missing says where the Application is not: generated, written, or empty where it is in both.
	Missing Side
	// Foreign says that it was written by hand and comes from elsewhere than the config repository, so that it could not
	// have been generated: an add-on of a cluster.
	Foreign bool
	// Differences count.
	Differences []Difference
	// Own are Tidegate's, which nobody writes by hand: they do not count.
	Own []Difference
}

// Side is where an Application is.
type Side string

// The sides.
const (
	Both      Side = ""
	Generated Side = "generated"
	Written   Side = "written"
)

// Differs tells whether anything is different that counts.
func (c Comparison) Differs() bool { return c.Missing != Both && !c.Foreign || len(c.Differences) > 0 }

// Compare compares generated Applications with hand-written ones, field by field: by what Argo CD reads, not by how it is
// written. Sorted by name.
func Compare(written, generated []v1alpha1.Application) ([]Comparison, error) {
	type pair struct{ written, generated *v1alpha1.Application }
	pairs := map[string]pair{}
	repositories := map[string]bool{}
	for i := range written {
		name := key(written[i])
		if pairs[name].written != nil {
			return nil, fmt.Errorf("two hand-written Applications are named %q", written[i].Name)
		}
		pairs[name] = pair{written: &written[i]}
	}
	for i := range generated {
		repositories[generated[i].Spec.GetSource().RepoURL] = true
		p := pairs[key(generated[i])]
		p.generated = &generated[i]
		pairs[key(generated[i])] = p
	}
	var out []Comparison
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		switch p := pairs[name]; {
		case p.generated == nil:
			sources := p.written.Spec.GetSources()
			foreign := !slices.ContainsFunc(sources, func(s v1alpha1.ApplicationSource) bool { return repositories[s.RepoURL] })
			out = append(out, Comparison{Name: p.written.Name, Missing: Generated, Foreign: foreign})
		case p.written == nil:
			out = append(out, Comparison{Name: p.generated.Name, Missing: Written})
		default:
			comparison, err := compare(*p.written, *p.generated)
			if err != nil {
				return nil, err
			}
			out = append(out, comparison)
		}
	}
	return out, nil
}

func key(a v1alpha1.Application) string { return a.Name + "/" + a.Namespace }

func compare(written, generated v1alpha1.Application) (Comparison, error) {
	comparison := Comparison{Name: generated.Name}
	a, err := toObject(normal(written))
	if err != nil {
		return comparison, err
	}
	b, err := toObject(normal(generated))
	if err != nil {
		return comparison, err
	}
	for _, difference := range walk(nil, "", a, b) {
		if own(difference.Field) {
			comparison.Own = append(comparison.Own, difference)
		} else {
			comparison.Differences = append(comparison.Differences, difference)
		}
	}
	return comparison, nil
}

// normal puts in one form what means the same to Argo CD.
func normal(application v1alpha1.Application) v1alpha1.Application {
	application = *application.DeepCopy()
	application.Spec.Project = application.Spec.GetProject()
	slices.Sort(application.Finalizers)
	if policy := application.Spec.SyncPolicy; policy != nil {
		slices.Sort(policy.SyncOptions)
	}
	for _, ignored := range application.Spec.IgnoreDifferences {
		slices.Sort(ignored.JSONPointers)
		slices.Sort(ignored.JQPathExpressions)
		slices.Sort(ignored.ManagedFieldsManagers)
	}
	slices.SortFunc(application.Spec.IgnoreDifferences, func(a, b v1alpha1.ResourceIgnoreDifferences) int {
		return strings.Compare(fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b))
	})
	delete(application.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
	return application
}

// walk finds the fields that differ, sorted. Lists are compared as a whole: an index says little to a reader.
func walk(found []Difference, at string, written, generated any) []Difference {
	a, aIsMap := written.(map[string]any)
	b, bIsMap := generated.(map[string]any)
	if aIsMap && bIsMap || aIsMap && generated == nil || bIsMap && written == nil {
		names := maps.Clone(b)
		if names == nil {
			names = map[string]any{}
		}
		maps.Copy(names, a)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			found = walk(found, join(at, name), a[name], b[name])
		}
		// An empty one says something too: automated: {}.
		if len(names) > 0 || written != nil && generated != nil {
			return found
		}
	}
	if reflect.DeepEqual(written, generated) {
		return found
	}
	return append(found, Difference{at, written, generated})
}

func join(at, name string) string {
	switch {
	case at == "":
		return name
	case strings.ContainsAny(name, "./"):
		return fmt.Sprintf("%s[%q]", at, name)
	}
	return at + "." + name
}

// own tells Tidegate's own fields.
func own(field string) bool {
	for _, prefix := range []string{
		"spec.source.plugin.", "spec.source.plugin[",
		`metadata.labels["tidegate.dev/`, `metadata.annotations["tidegate.dev/`,
		fmt.Sprintf("metadata.annotations[%q]", v1alpha1.AnnotationKeyManifestGeneratePaths),
	} {
		if strings.HasPrefix(field, prefix) {
			return true
		}
	}
	return field == "spec.source.plugin"
}

// text is a value on one line.
func text(value any) string {
	if s, ok := value.(string); ok && s != "" && !strings.ContainsAny(s, "\n\"") {
		return s
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}
