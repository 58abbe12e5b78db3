package manifest

import (
	"bytes"
	"encoding/json"

	"sigs.k8s.io/yaml"
)

// YAML writes the objects as one stream, separated by ---, in the bytes that `kustomize build` writes.
func YAML(objects []Object) ([]byte, error) {
	var out bytes.Buffer
	for i, object := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		doc, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		out.Write(doc)
	}
	return out.Bytes(), nil
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
