package render

import (
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/tidegate/tidegate/plugin/nearest"
)

// keyLine finds the first line on which a mapping has this key, at any depth.
func keyLine(content []byte, key string) int {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil {
		return 1
	}
	if found := findKey(&document, key); found != nil {
		return found.Line
	}
	return 1
}

func findKey(node *yaml.Node, key string) *yaml.Node {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				return node.Content[i]
			}
		}
	}
	for _, child := range node.Content {
		if found := findKey(child, key); found != nil {
			return found
		}
	}
	return nil
}

// suggestion names the field of a kustomization that was probably meant.
func suggestion(field string) string {
	var names []string
	kustomization := reflect.TypeFor[types.Kustomization]()
	for i := range kustomization.NumField() {
		if name, _, _ := strings.Cut(kustomization.Field(i).Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if best := nearest.Name(field, names); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}
