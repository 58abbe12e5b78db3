package wave_test

import (
	"encoding/json"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// FuzzCompute: whatever people commit, there is a plan or an error, every object is in it once, and it can be applied.
func FuzzCompute(f *testing.F) {
	for _, folder := range []string{"rules", "references"} {
		for _, e := range examples(f, folder) {
			data, _ := json.Marshal(objects(f, e.manifests))
			f.Add(data, len(e.manifests)%3)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, mode int) {
		var set []manifest.Object
		if json.Unmarshal(data, &set) != nil {
			return
		}
		for _, object := range set {
			if object == nil {
				return
			}
		}
		plan, err := wave.Compute(set, wave.Options{Mode: []wave.Mode{wave.Tiers, wave.Minimal, wave.Off}[max(mode, 0)%3]})
		if err != nil {
			return
		}
		seen := map[int]bool{}
		count := len(plan.Hooks)
		for _, w := range plan.Waves {
			for _, r := range w.Resources {
				seen[r.Index] = true
				count++
				if r.Reason.Text == "" || r.Wave != w.Number {
					t.Errorf("%+v", r)
				}
			}
		}
		if count != len(set) || len(seen)+len(plan.Hooks) != len(set) {
			t.Errorf("%d of %d objects in the plan", count, len(set))
		}
		plan.Apply(set)
	})
}
