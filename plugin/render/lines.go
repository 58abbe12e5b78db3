package render

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// at is the file and line of a value below a field, or of the field.
func (k *kustomization) at(field, value string) string {
	return fmt.Sprintf("%s:%d", k.file, line(k.written, field, value))
}

// line finds the line of a value below a field of the top level; field names are matched as kustomize matches them, in
// either case. Without the value it is the field's line; without the field, 1.
func line(content []byte, field, value string) int {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil || len(document.Content) == 0 {
		return 1
	}
	fields := document.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if !strings.EqualFold(fields[i].Value, field) {
			continue
		}
		if found := find(fields[i+1], value); found != nil {
			return found.Line
		}
		return fields[i].Line
	}
	return 1
}

// find returns the first scalar that is the value or, as in KEY=PATH, ends in it.
func find(node *yaml.Node, value string) *yaml.Node {
	if node.Kind == yaml.ScalarNode && (node.Value == value || strings.HasSuffix(node.Value, "="+value)) {
		return node
	}
	for _, child := range node.Content {
		if found := find(child, value); found != nil {
			return found
		}
	}
	return nil
}

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
