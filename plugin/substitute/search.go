package substitute

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/nearest"
)

// search walks objects and collects the variables that have no value or stand in a map key. Without values it collects
// them all.
type search struct {
	values map[string]string
	found  []Unresolved
	total  int
	growth int

	id   manifest.ID
	path []step
}

// step is one field name, or one index of a list where the name is not used.
type step struct {
	name  string
	index int
	list  bool
}

func (s *search) object(object manifest.Object) {
	s.id = object.ID()
	secret := isSecret(object)
	for _, key := range sortedKeys(object) {
		if !secret || key != "data" {
			s.entry(key, object[key])
		}
	}
}

func (s *search) entry(key string, value any) {
	s.path = append(s.path, step{name: key})
	s.text(key, true)
	s.value(value)
	s.path = s.path[:len(s.path)-1]
}

func (s *search) value(value any) {
	switch value := value.(type) {
	case string:
		s.text(value, false)
	case map[string]any:
		for _, key := range sortedKeys(value) {
			s.entry(key, value[key])
		}
	case []any:
		for i, item := range value {
			s.path = append(s.path, step{index: i, list: true})
			s.value(item)
			s.path = s.path[:len(s.path)-1]
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// text reports a variable once per string, however often it stands in it.
func (s *search) text(text string, inKey bool) {
	var seen map[string]bool
	for v, ok := next(text, 0); ok; v, ok = next(text, v.end) {
		if v.escaped() {
			continue
		}
		value, defined := s.values[v.name]
		if defined && !inKey {
			s.growth += len(value)
			continue
		}
		if seen[v.name] {
			continue
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[v.name] = true
		s.report(Unresolved{ID: s.id, Variable: v.name, InKey: inKey, defined: defined})
	}
}

func (s *search) report(u Unresolved) {
	s.total++
	if len(s.found) < MaxListed {
		u.Field = s.field()
		s.found = append(s.found, u)
	}
}

// field writes the path as spec.template.spec.containers[0].env[2].value, quoting names that are no plain words:
// data["nginx.conf"].
func (s *search) field() string {
	var out strings.Builder
	for i, step := range s.path {
		switch {
		case step.list:
			out.WriteString("[" + strconv.Itoa(step.index) + "]")
		case !isWord(step.name):
			out.WriteString("[" + strconv.Quote(step.name) + "]")
		case i > 0:
			out.WriteString("." + step.name)
		default:
			out.WriteString(step.name)
		}
	}
	return out.String()
}

func isWord(s string) bool {
	for i := range len(s) {
		if b := s[i]; !isNameByte(b, true) && b != '-' {
			return false
		}
	}
	return s != ""
}

// suggest fills in, for each variable without a value, the defined name that was probably meant.
func (s *search) suggest() []Unresolved {
	names := slices.Sorted(maps.Keys(s.values))
	for i := range s.found {
		if u := &s.found[i]; !u.defined {
			u.Nearest = nearest.Name(u.Variable, names)
		}
	}
	return s.found
}
