package argocd

import (
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/sync/hook"
	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// carriers are ConfigMaps with every sort of annotation that Argo CD reads a wave or a hook from.
func carriers() []manifest.Object {
	var objects []manifest.Object
	add := func(name string, annotations map[string]any) {
		objects = append(objects, manifest.Object{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": name, "annotations": annotations}})
	}
	waves := []any{"5", "-5", "+7", "007", "0", "", " 1", "1 ", "1.5", "1e3", "0x10", "two", "1_000", "99999999999999999999", int64(3), true, nil}
	for i, value := range waves {
		name := string(rune('a' + i))
		add("wave-"+name, map[string]any{waveAnnotation: value})
		add("weight-"+name, map[string]any{"helm.sh/hook-weight": value})
		add("wave-and-weight-"+name, map[string]any{waveAnnotation: value, "helm.sh/hook-weight": "9"})
		add("wave-and-number-"+name, map[string]any{waveAnnotation: value, "example.com/count": int64(1)})
	}
	hooks := []any{"PreSync", "Sync", "PostSync", "SyncFail", "PostDelete", "Skip", "PreSync,PostSync", "PostSync,PreSync", " Sync , Sync", "Skip,PreSync",
		"Garbage", "Sync,Garbage", "presync", "NoSkip", "Skip,Garbage", "", int64(1)}
	helm := []any{"pre-install", "pre-upgrade", "pre-install,post-upgrade", "post-install", "crd-install", "test", "pre-rollback", "", "pre-install,crd-install"}
	for i, value := range hooks {
		name := string(rune('a' + i))
		add("hook-"+name, map[string]any{"argocd.argoproj.io/hook": value})
		add("hook-and-helm-"+name, map[string]any{"argocd.argoproj.io/hook": value, "helm.sh/hook": "pre-install", waveAnnotation: "4"})
	}
	for i, value := range helm {
		add("helm-"+string(rune('a'+i)), map[string]any{"helm.sh/hook": value, "helm.sh/hook-weight": "-3"})
	}
	return objects
}

// A user loses the wave that they pinned, or trusts one that Argo CD reads otherwise: the number in the plan is what
// gitops-engine's own parser makes of the object that leaves Tidegate, for every odd value and for whole sets.
func TestWaveInThePlanIsTheOneArgoCDReads(t *testing.T) {
	sets := append(knownSets(t), namedSet{"annotations", carriers()})
	for at := uint64(1); at <= defaultSeeds*2/5; at++ {
		sets = append(sets, namedSet{"random", randomSet(at)})
	}
	for _, set := range sets {
		for _, mode := range []wave.Mode{wave.Tiers, wave.Minimal, wave.Off} {
			plan, objects := planned(t, mode, set.objects)
			for _, w := range plan.Waves {
				for _, r := range w.Resources {
					if read := syncwaves.Wave(objects[r.Index]); read != w.Number || r.Wave != w.Number {
						t.Errorf("%s, mode %s: %s %v: the plan says wave %d (and %d), Argo CD reads %d",
							set.name, mode, r.ID, objects[r.Index].Object["metadata"], w.Number, r.Wave, read)
					}
				}
			}
		}
	}
}

// A user loses a hook to a wave it was never in, or waits for one that never runs: what the plan lists as a hook, and
// with which phases, is what gitops-engine takes for one.
func TestHooksOfThePlanAreArgoCDs(t *testing.T) {
	plan, objects := planned(t, wave.Tiers, carriers())
	hooks := map[int]wave.Resource{}
	for _, r := range plan.Hooks {
		hooks[r.Index] = r
	}
	for i, object := range objects {
		planned, listed := hooks[i]
		if real := hook.IsHook(object) || hook.Skip(object); real != listed {
			t.Errorf("%v: a hook to Argo CD: %t, to the plan: %t", object.Object["metadata"], real, listed)
			continue
		}
		phases := phasesOf(object)
		if len(phases) == 0 {
			continue
		}
		// PostDelete is the controller's alone, gitops-engine does not know it.
		got := slices.DeleteFunc(strings.Split(planned.Hook, ","), func(phase string) bool { return phase == "PostDelete" })
		slices.Sort(got)
		if !slices.Equal(got, phases) {
			t.Errorf("%v: phases %v to Argo CD, %v to the plan", object.Object["metadata"], phases, got)
		}
	}
}

// phasesOf are the phases in which gitops-engine runs a hook, sorted.
func phasesOf(object *unstructured.Unstructured) []string {
	var phases []string
	for _, kind := range hook.Types(object) {
		if kind != "Skip" || len(hook.Types(object)) == 1 {
			phases = append(phases, string(kind))
		}
	}
	slices.Sort(phases)
	return phases
}

// Nobody's hook is rewritten: its annotations leave Tidegate as they came.
func TestHooksLeaveAsTheyCame(t *testing.T) {
	before := targets(carriers())
	_, after := planned(t, wave.Tiers, carriers())
	for i := range before {
		if hook.IsHook(before[i]) && syncwaves.Wave(before[i]) != syncwaves.Wave(after[i]) {
			t.Errorf("%v became %v", before[i].Object["metadata"], after[i].Object["metadata"])
		}
	}
}
