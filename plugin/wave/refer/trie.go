package refer

import (
	"sort"
	"strconv"
)

// trie holds the fields of one kind, so that what they share is walked once.
type trie struct {
	rows  []*Reference // whose field ends here
	key   string
	keys  []*trie // by key, in the table's order
	list  *trie
	every *trie
}

func (t *trie) add(steps []step, row *Reference) {
	at := t
	for _, s := range steps {
		at = at.child(s)
	}
	at.rows = append(at.rows, row)
}

func (t *trie) child(s step) *trie {
	switch {
	case s.list:
		if t.list == nil {
			t.list = &trie{}
		}
		return t.list
	case s.key == "":
		if t.every == nil {
			t.every = &trie{}
		}
		return t.every
	}
	for _, child := range t.keys {
		if child.key == s.key {
			return child
		}
	}
	child := &trie{key: s.key}
	t.keys = append(t.keys, child)
	return child
}

// found is told of every value a row's field leads to; beside is the map that holds it.
type found func(row *Reference, value any, beside map[string]any, at trail)

// walk visits what the fields lead to. It goes no deeper than the longest field.
func (t *trie) walk(value any, beside map[string]any, at trail, visit found) {
	if t == nil || value == nil {
		return
	}
	for _, row := range t.rows {
		visit(row, value, beside, at)
	}
	switch v := value.(type) {
	case map[string]any:
		for _, child := range t.keys {
			child.walk(v[child.key], v, append(at, keyPart(child.key)), visit)
		}
		if t.every != nil {
			for _, key := range sortedKeys(v) {
				t.every.walk(v[key], v, append(at, keyPart(key)), visit)
			}
		}
	case []any:
		if t.list != nil {
			for i, element := range v {
				t.list.walk(element, beside, append(at, indexPart(i)), visit)
			}
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// indexParts saves making the same few strings again and again.
var indexParts = func() (parts [64]string) {
	for i := range parts {
		parts[i] = formatIndex(i)
	}
	return parts
}()

func indexPart(i int) string {
	if i < len(indexParts) {
		return indexParts[i]
	}
	return formatIndex(i)
}

func formatIndex(i int) string { return "[" + strconv.Itoa(i) + "]" }
