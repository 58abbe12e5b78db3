package render

import (
	"reflect"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
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
	best, least := "", 1+len(field)/3
	kustomization := reflect.TypeFor[types.Kustomization]()
	for i := range kustomization.NumField() {
		name, _, _ := strings.Cut(kustomization.Field(i).Tag.Get("json"), ",")
		if d := distance(strings.ToLower(field), strings.ToLower(name)); name != "" && d <= least {
			best, least = name, d-1
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the number of letters to insert, delete or replace between two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
