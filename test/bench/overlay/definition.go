package overlay

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"sigs.k8s.io/yaml"
)

// definition writes a CustomResourceDefinition as controller-gen does, of about 70 KB: nested fields, each with some lines
// of description.
func definition(i int) (string, error) {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	kind := fmt.Sprintf("Widget%03d", i)
	plural := strings.ToLower(kind) + "s"
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata": map[string]any{
			"name":        plural + ".example.com",
			"annotations": map[string]any{"controller-gen.kubebuilder.io/version": "v0.16.5"},
		},
		"spec": map[string]any{
			"group": "example.com",
			"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)},
			"scope": "Namespaced",
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"subresources": map[string]any{"status": map[string]any{}},
				"schema":       map[string]any{"openAPIV3Schema": property(r, 3, 7)},
			}},
		},
	})
	return string(text), err
}

// property is the schema of an object of width fields, nested so deep.
func property(r *rand.Rand, depth, width int) map[string]any {
	fields := map[string]any{}
	for range width {
		fields[fmt.Sprintf("field%c%d", rune('A'+r.IntN(26)), r.IntN(1000))] = field(r, depth, width)
	}
	return map[string]any{"type": "object", "description": description(r), "properties": fields, "required": []any{"name"}}
}

func field(r *rand.Rand, depth, width int) map[string]any {
	switch n := r.IntN(10); {
	case n < 4 && depth > 0:
		return property(r, depth-1, width-1)
	case n == 4 && depth > 0:
		return map[string]any{"type": "array", "description": description(r), "items": property(r, depth-1, width-3), "x-kubernetes-list-type": "atomic"}
	case n == 5:
		return map[string]any{"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535, "description": description(r)}
	case n == 6:
		return map[string]any{"type": "string", "enum": []any{"Always", "Never", "true", ""}, "default": "Always", "description": description(r)}
	case n == 7:
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, "maxLength": 253, "description": description(r)}
	default:
		return map[string]any{"type": "boolean", "description": description(r)}
	}
}

// description is a text of one to five lines, as comments of Go types are.
func description(r *rand.Rand) string {
	lines := make([]string, 1+r.IntN(5))
	for i := range lines {
		lines[i] = words(r, 6+r.IntN(8))
	}
	return strings.Join(lines, []string{"\n", " ", ". More info: "}[r.IntN(3)]) + "."
}

var vocabulary = strings.Fields(`the a of to in is and this that must may should not be will when if resource object field value name
	list map default specifies defines Kubernetes controller pod container "quoted" e.g. cannot it's https://k8s.io/docs
	namespace immutable optional required (deprecated) label selector`)

func words(r *rand.Rand, n int) string {
	picked := make([]string, n)
	for i := range picked {
		picked[i] = vocabulary[r.IntN(len(vocabulary))]
	}
	return strings.Join(picked, " ")
}
