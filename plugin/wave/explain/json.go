package explain

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// writeJSON writes the plan itself. Lists that the schema always has are [] where they are empty, never null.
func writeJSON(out *bytes.Buffer, plan *wave.Plan, _ Options) error {
	whole := *plan
	whole.Waves = append([]wave.Wave{}, plan.Waves...)
	for i, w := range whole.Waves {
		whole.Waves[i].Resources = append([]wave.Resource{}, w.Resources...)
	}
	whole.Edges = append([]wave.Edge{}, plan.Edges...)
	whole.Findings = slices.Clone(plan.Findings)
	for i, f := range whole.Findings {
		whole.Findings[i].Resources = append([]manifest.ID{}, f.Resources...)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(whole)
}
