// Package manifest holds the objects of one render: plain JSON-like data, and how they are named, read and written.
//
// It knows what every Kubernetes object has (apiVersion, kind, metadata) and nothing of any particular kind.
package manifest

import (
	"hash/fnv"
	"strings"
)

// Object is one Kubernetes object as JSON would decode it: the values are
// map[string]any, []any, string, bool, int64, uint64 (only above the range of int64), float64 or nil.
type Object map[string]any

// ID tells objects of one render apart. Two API versions of one kind are the same object to Kubernetes, so the version
// is not part of it.
type ID struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String writes the ID as people refer to it: Deployment.apps payments-staging/payments-api.
func (id ID) String() string {
	name := id.Name
	if id.Namespace != "" {
		name = id.Namespace + "/" + id.Name
	}
	return id.GroupKind() + " " + name
}

// GroupKind is Kind.group, or the kind alone for the core group.
func (id ID) GroupKind() string {
	if id.Group == "" {
		return id.Kind
	}
	return id.Kind + "." + id.Group
}

// Hash tells IDs apart in less room: 64 bits, the same in every process.
func (id ID) Hash() uint64 {
	hash := fnv.New64a()
	for _, part := range []string{id.Group, id.Kind, id.Namespace, id.Name} {
		_, _ = hash.Write(append([]byte(part), 0)) // a hash takes everything
	}
	return hash.Sum64()
}

// ID is the object's identity, with the namespace as written in it: empty both for a cluster-scoped object and for one
// that goes to the destination's namespace.
func (o Object) ID() ID {
	return ID{Group: o.Group(), Kind: o.Kind(), Namespace: o.Namespace(), Name: o.Name()}
}

// APIVersion is the group and version, "apps/v1", or the version alone for the core group.
func (o Object) APIVersion() string { return o.String("apiVersion") }

// Group is the API group; empty for the core group.
func (o Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion(), "/")
	if !found {
		return ""
	}
	return group
}

// Kind is the object's kind.
func (o Object) Kind() string { return o.String("kind") }

// Name is metadata.name; an object with only a generateName has none.
func (o Object) Name() string { return o.String("metadata", "name") }

// Namespace is metadata.namespace as written, which may be empty.
func (o Object) Namespace() string { return o.String("metadata", "namespace") }

// Labels returns metadata.labels, leaving out values that are not strings.
func (o Object) Labels() map[string]string { return Strings(o.Map("metadata", "labels")) }

// Annotations returns a copy of metadata.annotations, leaving out values that are not strings.
func (o Object) Annotations() map[string]string { return Strings(o.Map("metadata", "annotations")) }

// Annotation returns one annotation and whether the object carries it as a string.
func (o Object) Annotation(key string) (string, bool) {
	value, ok := o.Map("metadata", "annotations")[key].(string)
	return value, ok
}

// SetAnnotation writes one annotation, making metadata and its annotations where they are missing.
func (o Object) SetAnnotation(key, value string) {
	child(child(o, "metadata"), "annotations")[key] = value
}

// Value walks the fields and returns what is there, or nil. It does not enter lists.
func (o Object) Value(fields ...string) any {
	var at any = map[string]any(o)
	for _, field := range fields {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[field]
	}
	return at
}

// String is Value where it is a string, otherwise "".
func (o Object) String(fields ...string) string {
	s, _ := o.Value(fields...).(string)
	return s
}

// Map is Value where it is a map, otherwise nil.
func (o Object) Map(fields ...string) map[string]any {
	m, _ := o.Value(fields...).(map[string]any)
	return m
}

// List is Value where it is a list, otherwise nil.
func (o Object) List(fields ...string) []any {
	l, _ := o.Value(fields...).([]any)
	return l
}

// Strings copies the string values of a map, such as labels or a selector's matchLabels.
func Strings(m map[string]any) map[string]string {
	out := make(map[string]string, len(m))
	for key, value := range m {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}

func child(m map[string]any, field string) map[string]any {
	if c, ok := m[field].(map[string]any); ok {
		return c
	}
	c := map[string]any{}
	m[field] = c
	return c
}
