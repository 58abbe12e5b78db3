package schema

import (
	_ "embed" // the table
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// table is kyaml's built-in schema as text, one definition after the other:
//
//	io.k8s.api.apps.v1.Deployment object apps/v1/Deployment      name, type ("-" without one), its group/version/kind
//	 spec #io.k8s.api.apps.v1.DeploymentSpec                     a field and its type
//	 finalizers []string merge                                   … and patch strategy
//	 containers []#io.k8s.api.core.v1.Container merge name       … and merge key
//	 ports []#io.k8s.api.core.v1.ServicePort merge port port,protocol      … and list map keys
//
// A type is string, object, #definition, [] before the type of a list's elements, {} before that of a map's values.
//
//go:embed table.txt
var table string

// The extensions kyaml's merge looks at.
const (
	gvkKey      = "x-kubernetes-group-version-kind"
	strategyKey = "x-kubernetes-patch-strategy"
	mergeKey    = "x-kubernetes-patch-merge-key"
	mapKeysKey  = "x-kubernetes-list-map-keys"
)

// decoder builds schemas that share whatever is equal. A field that refers to a definition holds that definition itself
// (its Properties are a map, so even JSONSchemaProps can contain itself), where kyaml would follow a $ref at every step.
type decoder struct {
	defs       []spec.Schema
	index      map[string]int
	kinds      map[string]spec.StringOrArray
	elements   map[string]*spec.Schema
	extensions map[string]spec.Extensions
}

// decode returns the definitions of the table by name: those of kinds, and those of parts of kinds.
func decode(table string) (kinds, parts spec.Definitions) {
	count, kindCount := 0, 0
	eachDefinition(table, func(_, _, gvks, _ string) {
		count++
		if gvks != "" {
			kindCount++
		}
	})
	d := decoder{
		defs:       make([]spec.Schema, 0, count),
		index:      make(map[string]int, count),
		kinds:      make(map[string]spec.StringOrArray),
		elements:   make(map[string]*spec.Schema),
		extensions: make(map[string]spec.Extensions),
	}
	eachDefinition(table, func(name, kind, gvks, fields string) {
		d.index[name] = len(d.defs)
		d.defs = append(d.defs, spec.Schema{})
		def := &d.defs[len(d.defs)-1]
		def.Type = d.kind(kind)
		if fields != "" {
			def.Properties = make(map[string]spec.Schema, strings.Count(fields, "\n"))
		}
		if gvks != "" {
			def.Extensions = spec.Extensions{gvkKey: gvkExtension(gvks)}
		}
	})
	kinds, parts = make(spec.Definitions, kindCount), make(spec.Definitions, count-kindCount)
	eachDefinition(table, func(name, _, gvks, fields string) {
		def := &d.defs[d.index[name]]
		for line := range strings.Lines(fields) {
			field, rest, _ := strings.Cut(line[1:len(line)-1], " ")
			kind, merge, _ := strings.Cut(rest, " ")
			s := d.schema(kind)
			if merge != "" {
				s.Extensions = d.extension(merge)
			}
			def.Properties[field] = s
		}
		if gvks != "" {
			kinds[name] = *def
		} else {
			parts[name] = *def
		}
	})
	return kinds, parts
}

// eachDefinition calls do with the parts of every definition: its name, its type, its group/version/kinds separated by
// spaces, and the lines of its fields.
func eachDefinition(table string, do func(name, kind, gvks, fields string)) {
	for table != "" {
		head, rest, _ := strings.Cut(table, "\n")
		end := 0
		for end < len(rest) && rest[end] == ' ' {
			end += strings.IndexByte(rest[end:], '\n') + 1
		}
		name, kind, _ := strings.Cut(head, " ")
		kind, gvks, _ := strings.Cut(kind, " ")
		do(name, kind, gvks, rest[:end])
		table = rest[end:]
	}
}

// types lists the kinds that the table has a schema for.
func types(table string) []yaml.TypeMeta {
	var out []yaml.TypeMeta
	eachDefinition(table, func(_, _, gvks, _ string) {
		for gvk := range strings.FieldsSeq(gvks) {
			at := strings.LastIndexByte(gvk, '/')
			out = append(out, yaml.TypeMeta{APIVersion: strings.TrimPrefix(gvk[:at], "/"), Kind: gvk[at+1:]})
		}
	})
	return out
}

func (d *decoder) schema(kind string) spec.Schema {
	switch {
	case strings.HasPrefix(kind, "#"):
		return d.defs[d.index[kind[1:]]]
	case strings.HasPrefix(kind, "[]"):
		return spec.Schema{SchemaProps: spec.SchemaProps{Type: d.kind("array"), Items: &spec.SchemaOrArray{Schema: d.element(kind[2:])}}}
	case strings.HasPrefix(kind, "{}"):
		return spec.Schema{SchemaProps: spec.SchemaProps{Type: d.kind("object"), AdditionalProperties: &spec.SchemaOrBool{Allows: true, Schema: d.element(kind[2:])}}}
	default:
		return spec.Schema{SchemaProps: spec.SchemaProps{Type: d.kind(kind)}}
	}
}

func (d *decoder) element(kind string) *spec.Schema {
	if strings.HasPrefix(kind, "#") {
		return &d.defs[d.index[kind[1:]]]
	}
	if _, ok := d.elements[kind]; !ok {
		s := d.schema(kind)
		d.elements[kind] = &s
	}
	return d.elements[kind]
}

func (d *decoder) kind(kind string) spec.StringOrArray {
	if kind == "-" {
		return nil
	}
	if _, ok := d.kinds[kind]; !ok {
		d.kinds[kind] = spec.StringOrArray{kind}
	}
	return d.kinds[kind]
}

func (d *decoder) extension(merge string) spec.Extensions {
	if e, ok := d.extensions[merge]; ok {
		return e
	}
	words := strings.Fields(merge)
	e := spec.Extensions{strategyKey: words[0]}
	if len(words) > 1 {
		e[mergeKey] = words[1]
	}
	if len(words) > 2 {
		var keys []any
		for key := range strings.SplitSeq(words[2], ",") {
			keys = append(keys, key)
		}
		e[mapKeysKey] = keys
	}
	d.extensions[merge] = e
	return e
}

func gvkExtension(gvks string) []any {
	var out []any
	for gvk := range strings.FieldsSeq(gvks) {
		part := strings.SplitN(gvk, "/", 3)
		out = append(out, map[string]any{"group": part[0], "version": part[1], "kind": part[2]})
	}
	return out
}
