package argocd

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/argocd/simcluster"
)

// everyKind is every kind that Kubernetes has, lists included, those it once had and Argo CD still sorts, and custom
// ones, one of which has a core kind's name.
func everyKind() []schema.GroupVersionKind {
	byKind := map[string]schema.GroupVersionKind{}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if gvk.Version != "__internal" && (byKind[gvk.Kind].Kind == "" || gvk.String() < byKind[gvk.Kind].String()) {
			byKind[gvk.Kind] = gvk
		}
	}
	kinds := slices.Collect(maps.Values(byKind))
	return append(kinds,
		schema.GroupVersionKind{Group: "policy", Version: "v1beta1", Kind: "PodSecurityPolicy"},
		schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
		schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"},
		schema.GroupVersionKind{Group: "serving.knative.dev", Version: "v1", Kind: "Service"},
		schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Alpha"},
		schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Omega"},
	)
}

// A user loses the use of one wave where one would do, or gets an order that Argo CD does not keep: inside a wave the
// plan shows every kind, and every name, in the order of gitops-engine's own task list.
func TestOrderInsideAWaveIsArgoCDs(t *testing.T) {
	var env simcluster.Environment
	var objects []manifest.Object
	random := rand.New(rand.NewPCG(1, 1))
	for i, gvk := range everyKind() {
		apiVersion, kind := gvk.ToAPIVersionAndKind()
		env.Kinds = append(env.Kinds, fmt.Sprintf("%s %s kind%d", apiVersion, kind, i))
		for range 2 {
			// Unique names: for equal ones gitops-engine's order is random.
			name := fmt.Sprintf("%c-%d", 'a'+rune(random.IntN(26)), len(objects))
			objects = append(objects, manifest.Object{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{
				"name": name, "namespace": destination, "annotations": map[string]any{waveAnnotation: "0"}}})
		}
	}
	for range 5 {
		random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		plan, annotated := planned(t, wave.Tiers, objects)
		if len(plan.Waves) != 1 {
			t.Fatalf("%d waves, although all objects are pinned to one", len(plan.Waves))
		}
		var got, want []string
		for _, r := range plan.Waves[0].Resources {
			got = append(got, r.ID.Kind+" "+r.ID.Name)
		}
		for _, task := range sortedTasks(t, annotated, env) {
			kind, name, _ := strings.Cut(task.object[strings.Index(task.object, "/")+1:], ":")
			want = append(want, kind+" "+name[strings.LastIndex(name, "/")+1:])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the plan's order is not Argo CD's (-Argo CD +plan):\n%s", diff)
		}
	}
}

// A user loses the truth of what `tidegate plan` shows: for random sets the waves, and what is in them, are in the
// order of gitops-engine's own tasks.
func TestPlanShowsArgoCDsTasks(t *testing.T) {
	for at := uint64(1); at <= defaultSeeds*2/5; at++ {
		plan, objects := planned(t, wave.Tiers, randomSet(at))
		var got, want []string
		for _, w := range plan.Waves {
			for _, r := range w.Resources {
				got = append(got, fmt.Sprintf("%d %s %s", w.Number, r.ID.Kind, r.ID.Name))
			}
		}
		for _, task := range sortedTasks(t, objects, everybodyAnswers) {
			kind, name, _ := strings.Cut(task.object[strings.Index(task.object, "/")+1:], ":")
			want = append(want, fmt.Sprintf("%d %s %s", task.wave, kind, name[strings.LastIndex(name, "/")+1:]))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: the plan is not what Argo CD does (-Argo CD +plan):\n%s", at, diff)
		}
	}
}
