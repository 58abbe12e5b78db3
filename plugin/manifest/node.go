package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// FromNode turns the node of one resource into an object: what kustomize gets by writing the node as text, reading that
// text, and writing JSON, which is where its errors come from too. Ordinary nodes are converted directly; one with
// anything else in it (aliases, tags, dates, keys that are no strings, text that is hard to quote) goes kustomize's way.
func FromNode(node *yaml.Node) (Object, error) {
	if object, ok := FromPlainNode(node); ok {
		return object, nil
	}
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	text, err := yaml.NewRNode(node).MarshalJSON()
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("a resource must be a map: %w", err)
	}
	numbers(object)
	return object, nil
}

// FromPlainNode returns the object of a node that FromNode converts directly, and false for any other.
func FromPlainNode(node *yaml.Node) (Object, bool) {
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	value, ok := convert(node, false)
	object, isMap := value.(map[string]any)
	return object, ok && isMap
}

// convert returns the value of a node, or false where that takes kustomize's way. Flow says that the node stands within
// braces or brackets.
func convert(node *yaml.Node, flow bool) (any, bool) {
	if node.Anchor != "" || node.Style&yaml.TaggedStyle != 0 {
		return nil, false
	}
	flow = flow || node.Style&yaml.FlowStyle != 0
	if flow && (node.HeadComment != "" || node.LineComment != "" || node.FootComment != "") {
		return nil, false
	}
	switch node.Kind {
	case yaml.MappingNode:
		return convertMap(node, flow)
	case yaml.SequenceNode:
		return convertList(node, flow)
	case yaml.ScalarNode:
		return convertScalar(node, flow)
	default:
		return nil, false
	}
}

func convertMap(node *yaml.Node, flow bool) (any, bool) {
	if node.ShortTag() != yaml.NodeTagMap {
		return nil, false
	}
	m := make(map[string]any, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, ok := convert(node.Content[i], flow)
		name, isString := key.(string)
		if !ok || !isString || len(name) > 128 || strings.Contains(name, "\n") {
			return nil, false
		}
		if _, twice := m[name]; twice {
			return nil, false
		}
		if m[name], ok = convert(node.Content[i+1], flow); !ok {
			return nil, false
		}
	}
	return m, true
}

func convertList(node *yaml.Node, flow bool) (any, bool) {
	if node.ShortTag() != yaml.NodeTagSeq {
		return nil, false
	}
	list := make([]any, len(node.Content))
	for i, item := range node.Content {
		var ok bool
		if list[i], ok = convert(item, flow); !ok {
			return nil, false
		}
	}
	return list, true
}

func convertScalar(node *yaml.Node, flow bool) (any, bool) {
	s := node.Value
	tag := node.ShortTag()
	switch {
	case tag == yaml.NodeTagString:
		return s, survives(s, node.Style)
	case node.Style != 0 || s == "" && flow: // an empty value within braces is written '', and read as text
		return nil, false
	case tag == yaml.NodeTagNull && (s == "" || s == "~" || s == "null"):
		return nil, true
	case tag == yaml.NodeTagBool && (s == "true" || s == "false"):
		return s == "true", true
	case tag == yaml.NodeTagInt && decimal(s):
		return number(s), true
	case tag == yaml.NodeTagFloat:
		whole, fraction, _ := strings.Cut(s, ".")
		f, err := strconv.ParseFloat(s, 64)
		return jsonNumber(f), err == nil && decimal(whole) && fraction != "" && strings.Trim(fraction, "0123456789") == ""
	default:
		return nil, false
	}
}

// decimal says whether s is a whole number as everybody writes one, of no more digits than an int64 holds.
func decimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 18 || digits[0] == '0' && s != "0" {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// survives says whether kustomize surely reads back the same text after it has written s in that style.
func survives(s string, style yaml.Style) bool {
	if t := look(s); t.odd || t.special || s == "<<" {
		return false
	}
	if !strings.Contains(s, "\n") {
		return style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
	}
	return style&yaml.FoldedStyle == 0 && s[0] != ' ' && s[0] != '\n' && !strings.HasSuffix(s, "\n\n")
}
