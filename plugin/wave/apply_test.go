package wave_test

import (
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

const written = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings-22d9c58hkb}
---
apiVersion: v1
kind: Secret
metadata: {name: login-hf5gm2tb7k, annotations: {argocd.argoproj.io/sync-options: 'Validate=false,'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept-22d9c58hkb, annotations: {argocd.argoproj.io/sync-options: PruneLast=false, argocd.argoproj.io/sync-wave: '+5'}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain-settings}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-22d9c58hkb}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: hooked-22d9c58hkb, annotations: {argocd.argoproj.io/hook: PreSync}}
`

// A user loses waves that were computed but never written, pins and hooks that were theirs, or an old ConfigMap that old
// pods still read.
func TestApplyWritesWavesAndKeepsOldConfiguration(t *testing.T) {
	const waves, options = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
	for _, test := range []struct {
		mode wave.Mode
		want []map[string]string
	}{
		{wave.Tiers, []map[string]string{
			{waves: "-20", options: "PruneLast=true"},
			{waves: "-20", options: "Validate=false,PruneLast=true"},
			{waves: "+5", options: "PruneLast=false"},
			{waves: "-20"},
			{},
			{"argocd.argoproj.io/hook": "PreSync"},
		}},
		{wave.Minimal, []map[string]string{
			{options: "PruneLast=true"},
			{options: "Validate=false,PruneLast=true"},
			{waves: "+5", options: "PruneLast=false"},
			{},
			{},
			{"argocd.argoproj.io/hook": "PreSync"},
		}},
	} {
		t.Run(string(test.mode), func(t *testing.T) {
			set := objects(t, written)
			plan, err := wave.Compute(set, wave.Options{Mode: test.mode})
			if err != nil {
				t.Fatal(err)
			}
			plan.Apply(set)
			for i, object := range set {
				if diff := cmp.Diff(test.want[i], object.Annotations()); diff != "" {
					t.Errorf("%s: %s", object.Name(), diff)
				}
			}
		})
	}
}

// A user of mode off loses the bytes that kustomize gives.
func TestOffWritesNothing(t *testing.T) {
	set, before := objects(t, written), objects(t, written)
	plan, err := wave.Compute(set, wave.Options{Mode: wave.Off})
	if err != nil {
		t.Fatal(err)
	}
	plan.Apply(set)
	if diff := cmp.Diff(before, set); diff != "" {
		t.Error(diff)
	}
}

// A user loses the difference between a plan and a change: computing must not write.
func TestComputeChangesNothing(t *testing.T) {
	for _, folder := range []string{"rules", "references"} {
		for _, e := range examples(t, folder) {
			set, before := objects(t, e.manifests), objects(t, e.manifests)
			_, _ = wave.Compute(set, e.options)
			if diff := cmp.Diff(before, set); diff != "" {
				t.Errorf("%s: %s", e.file, diff)
			}
		}
	}
}

// A user loses an Application that is in sync: rendering what was rendered must give the same numbers.
func TestTheSameTreeGivesTheSamePlan(t *testing.T) {
	for _, e := range examples(t, "references") {
		plan := func() string {
			p, err := wave.Compute(objects(t, e.manifests), e.options)
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		first := plan()
		for range 10 {
			if diff := cmp.Diff(first, plan()); diff != "" {
				t.Fatalf("%s: %s", e.file, diff)
			}
		}
	}
}

// A server loses its process to a data race: its renders share the tables, and the kinds they meet differ.
func TestPlansAreMadeAtTheSameTime(t *testing.T) {
	var all sync.WaitGroup
	for _, e := range examples(t, "references") {
		set := objects(t, e.manifests)
		for range 2 {
			all.Go(func() {
				if _, err := wave.Compute(set, e.options); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

// A user loses a quiet diff: the order of the files, or an object that nobody refers to, must not move others.
func TestUnrelatedObjectsMoveNothing(t *testing.T) {
	bystander := manifest.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "bystander"}}
	random := rand.New(rand.NewPCG(1, 2))
	for _, folder := range []string{"references", "rules"} {
		for _, e := range examples(t, folder) {
			set := objects(t, e.manifests)
			before := numbers(set, e.options)
			random.Shuffle(len(set), func(i, j int) { set[i], set[j] = set[j], set[i] })
			after := numbers(append(set, bystander), e.options)
			delete(after, manifest.ID{Kind: "ConfigMap", Namespace: "shop", Name: "bystander"})
			if diff := cmp.Diff(before, after); diff != "" && before != nil {
				t.Errorf("%s: %s", e.file, diff)
			}
		}
	}
}

func numbers(set []manifest.Object, options wave.Options) map[manifest.ID]int {
	plan, err := wave.Compute(set, options)
	if err != nil {
		return nil
	}
	out := map[manifest.ID]int{}
	for _, w := range plan.Waves {
		for _, r := range w.Resources {
			out[r.ID] = w.Number
		}
	}
	return out
}

// A user loses what the plan promises: every reference that it shows is honoured, unless a finding says why not.
func TestEveryEdgeIsHonouredOrExplained(t *testing.T) {
	for _, folder := range []string{"references", "rules"} {
		for _, e := range examples(t, folder) {
			plan, err := wave.Compute(objects(t, e.manifests), e.options)
			if err != nil || e.options.Mode == wave.Off {
				continue
			}
			at := map[manifest.ID]int{}
			for _, w := range plan.Waves {
				for _, r := range w.Resources {
					at[r.ID] = w.Number
				}
			}
			for _, edge := range plan.Edges {
				from, ok := at[edge.From]
				to, known := at[edge.To]
				if ok && known && (to > from || to == from && edge.Strength == wave.Healthy) && len(plan.Findings) == 0 {
					t.Errorf("%s: %s (wave %d) needs %s (wave %d): %s", e.file, edge.From, from, edge.To, to, edge.Field)
				}
			}
		}
	}
}
