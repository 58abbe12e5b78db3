// Package argocd runs Argo CD's own code, in process, against what Tidegate's planner decides: gitops-engine's sync, its
// wave parsing, kind order and reconciliation, its health checks with Argo CD's Lua, and the controller's deletion order.
//
// Nothing here repeats what Argo CD does. Only the cluster is simulated (package simcluster), by the rules of
// Kubernetes and of the operators concerned, without knowledge of waves.
package argocd

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/sets"
)

// destination is the namespace of the Application in all these tests.
const destination = sets.Namespace

// namedSet is a set of manifests.
type namedSet struct {
	name    string
	objects []manifest.Object
}

func knownSets(t *testing.T) []namedSet {
	t.Helper()
	all, err := sets.All()
	if err != nil || len(all) == 0 {
		t.Fatalf("no sets: %v", err)
	}
	var out []namedSet
	for _, set := range all {
		out = append(out, namedSet{name: set.Name, objects: set.Objects})
	}
	return out
}

// parse reads a YAML stream the way Argo CD reads a plugin's answer.
func parse(t testing.TB, stream string) []manifest.Object {
	t.Helper()
	objects, err := sets.Parse([]byte(stream))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// targets are independent copies of the objects in the form Argo CD has them.
func targets(objects []manifest.Object) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, object := range objects {
		out = append(out, &unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)})
	}
	return out
}

func copied(objects []manifest.Object) []manifest.Object {
	var out []manifest.Object
	for _, object := range objects {
		out = append(out, runtime.DeepCopyJSON(object))
	}
	return out
}

// planned computes the plan in the mode and returns it with the annotated copies of the objects.
func planned(t testing.TB, mode wave.Mode, objects []manifest.Object) (*wave.Plan, []*unstructured.Unstructured) {
	t.Helper()
	annotated := copied(objects)
	plan, err := wave.Compute(annotated, wave.Options{Mode: mode, Namespace: destination})
	if err != nil {
		t.Fatalf("planning: %v\n%s", err, yamlOf(t, objects))
	}
	plan.Apply(annotated)
	return plan, targets(annotated)
}

func yamlOf(t testing.TB, objects []manifest.Object) string {
	t.Helper()
	text, err := manifest.YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// describe writes a plan as a reader of a failed test wants it.
func describe(plan *wave.Plan) string {
	var out strings.Builder
	for _, w := range plan.Waves {
		for _, r := range w.Resources {
			out.WriteString(line(w.Number, r))
		}
	}
	for _, finding := range plan.Findings {
		out.WriteString("      " + string(finding.Severity) + " " + finding.Rule + ": " + finding.Message + "\n")
	}
	return out.String()
}

func line(number int, r wave.Resource) string {
	return fmt.Sprintf("%5d %s (%s %s)\n", number, r.ID, r.Reason.Kind, r.Reason.Text)
}
