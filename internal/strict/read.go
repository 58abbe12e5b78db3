package strict

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What aliases can blow a document up to: an alias may name what it lies in, or a long text. Keys and values count, and a text, with
// the path of its field, as often as it has nodeText bytes.
const (
	maxNodes = 1 << 19
	maxDepth = 64
	nodeText = 64
)

// maxHints is for how many fields the nearest one is looked for: more are not shown anyway.
const maxHints = 100

// reader turns nodes into what JSON would hold, as the types demand it.
type reader struct {
	*Document
	nodes, depth int
}

func (d *Document) read(into any) any {
	r := &reader{Document: d}
	return r.value(reflect.TypeOf(into).Elem(), d.node, "")
}

// value returns nil where it has noted an error.
func (r *reader) value(t reflect.Type, node *yaml.Node, field string) any {
	r.depth++
	defer func() { r.depth-- }()
	if !r.spend(node, len(node.Value)+len(field)) {
		return nil
	}
	if _, known := r.lines[field]; !known {
		r.lines[field] = node.Line
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case node.Kind == yaml.AliasNode:
		return r.value(t, node.Alias, field)
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		r.Add(field, "has no value; give one or leave it out")
		return nil
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()), t.Kind() == reflect.Interface:
		return r.anything(node, field)
	case t.Kind() == reflect.Struct:
		return r.structure(t, node, field)
	case t.Kind() == reflect.Map:
		return r.mapping(t, node, field)
	case t.Kind() == reflect.Slice:
		return r.list(t, node, field)
	}
	return r.scalar(t, node, field)
}

// spend counts a value or a key, with so many bytes of text, and says whether it may be read: after too many nothing is.
func (r *reader) spend(node *yaml.Node, text int) bool {
	if r.nodes >= maxNodes {
		return false
	}
	r.nodes += 1 + text/nodeText
	if r.nodes >= maxNodes || r.depth > maxDepth {
		r.nodes = maxNodes
		r.Errors = append(r.Errors, Error{File: r.file, Line: node.Line, Message: "is too large or too deeply nested; does an alias name what it lies in?"})
		return false
	}
	return true
}

func (r *reader) structure(t reflect.Type, node *yaml.Node, field string) any {
	if node.Kind != yaml.MappingNode {
		return r.wrong(node, field, "fields")
	}
	types := Fields(t)
	out := make(map[string]any, len(node.Content)/2)
	for key, value := range r.pairs(node, field) {
		at := join(field, key.Value)
		fieldType, known := types[key.Value]
		if !known {
			r.lines[at] = key.Line
			if len(r.Errors) < maxHints {
				r.Add(at, "there is no such field; %s", Hint(key.Value, slices.Collect(maps.Keys(types))))
			} else {
				r.Add(at, "there is no such field")
			}
			continue
		}
		out[key.Value] = r.value(fieldType, value, at)
	}
	return out
}

func (r *reader) mapping(t reflect.Type, node *yaml.Node, field string) any {
	if node.Kind != yaml.MappingNode {
		return r.wrong(node, field, "names and their values")
	}
	out := make(map[string]any, len(node.Content)/2)
	for key, value := range r.pairs(node, field) {
		out[key.Value] = r.value(t.Elem(), value, join(field, key.Value))
	}
	return out
}

// pairs yields the keys of a mapping and their values, without repeated ones.
func (r *reader) pairs(node *yaml.Node, field string) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		seen := make(map[string]int, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			for key.Kind == yaml.AliasNode {
				key = key.Alias
			}
			at := join(field, key.Value)
			if !r.spend(key, len(at)) {
				return
			}
			switch first, again := seen[key.Value]; {
			case key.Kind != yaml.ScalarNode:
				r.Errors = append(r.Errors, Error{File: r.file, Line: key.Line, Message: at + ": a name is a string"})
				continue
			case key.ShortTag() == "!!merge":
				r.Errors = append(r.Errors, Error{File: r.file, Line: key.Line, Message: at + ": merge keys are not read here; write the fields out"})
				continue
			case again:
				r.Errors = append(r.Errors, Error{File: r.file, Line: key.Line, Message: fmt.Sprintf("%s: is given twice, first in line %d", at, first)})
				continue
			}
			seen[key.Value] = key.Line
			r.lines[at] = key.Line
			if !yield(key, value) {
				return
			}
		}
	}
}

func (r *reader) list(t reflect.Type, node *yaml.Node, field string) any {
	if node.Kind != yaml.SequenceNode {
		return r.wrong(node, field, "a list")
	}
	out := make([]any, len(node.Content))
	for i, item := range node.Content {
		out[i] = r.value(t.Elem(), item, field+"["+strconv.Itoa(i)+"]")
	}
	return out
}

func (r *reader) scalar(t reflect.Type, node *yaml.Node, field string) any {
	want, tag := wanted(t)
	if node.Kind != yaml.ScalarNode || node.ShortTag() != tag {
		return r.wrong(node, field, want)
	}
	switch t.Kind() {
	case reflect.Bool:
		return strings.EqualFold(node.Value, "true")
	case reflect.String:
		return node.Value
	}
	var number int64
	if err := node.Decode(&number); err != nil || reflect.Zero(t).CanInt() && reflect.Zero(t).OverflowInt(number) {
		return r.wrong(node, field, want)
	}
	return number
}

func wanted(t reflect.Type) (name, tag string) {
	switch t.Kind() {
	case reflect.String:
		return "a string", "!!str"
	case reflect.Bool:
		return "true or false", "!!bool"
	}
	return "a whole number", "!!int"
}

// anything reads what has no type of its own.
func (r *reader) anything(node *yaml.Node, field string) any {
	switch node.Kind {
	case yaml.MappingNode:
		return r.mapping(reflect.TypeFor[map[string]any](), node, field)
	case yaml.SequenceNode:
		return r.list(reflect.TypeFor[[]any](), node, field)
	}
	var out any
	switch node.ShortTag() {
	case "!!bool", "!!int":
		if node.Decode(&out) != nil {
			return r.wrong(node, field, "a value")
		}
	case "!!str":
		out = node.Value
	default:
		return r.wrong(node, field, "a string, a whole number, true or false")
	}
	return out
}

// wrong notes what is there instead of what is wanted.
func (r *reader) wrong(node *yaml.Node, field, want string) any {
	switch {
	case node.Kind == yaml.MappingNode:
		r.Add(field, "want %s, not fields", want)
	case node.Kind == yaml.SequenceNode:
		r.Add(field, "want %s, not a list", want)
	case want == "a string" && node.ShortTag() != "!!binary":
		r.Add(field, "want a string; write %q, in quotes", node.Value)
	default:
		r.Add(field, "want %s, not %q", want, node.Value)
	}
	return nil
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

// Fields are the types of a struct's fields by the names that encoding/json gives them.
func Fields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() || field.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		out[name] = field.Type
	}
	return out
}
