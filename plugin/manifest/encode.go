package manifest

import (
	"encoding/json"
	"slices"

	"sigs.k8s.io/yaml"
)

// YAML writes the objects as one stream, separated by ---, in the bytes that `kustomize build` writes: what
// sigs.k8s.io/yaml makes of each object by way of JSON. Objects are written directly, at a tenth of that cost; one with
// anything out of the ordinary in it goes through the library.
func YAML(objects []Object) ([]byte, error) {
	var out []byte
	for i, object := range objects {
		if i > 0 {
			out = append(out, "---\n"...)
			if cap(out)-len(out) < len(out)/i {
				out = slices.Grow(out, len(out)) // append alone would copy a large stream five times
			}
		}
		e := emitter{out: out}
		if e.document(object); !e.odd {
			out = e.out
			continue
		}
		doc, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		out = append(out, doc...)
	}
	return out, nil
}

// JSON writes the objects as a v1 List, indented, with a newline at the end: what `kubectl get -o json` shows.
func JSON(objects []Object) ([]byte, error) {
	if objects == nil {
		objects = []Object{}
	}
	out, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}
