package refer

import (
	"strings"
	"sync"
)

// fields walks every object along the fields of some tables.
func (f *finder) fields(tables ...*fields) {
	at := make(trail, 0, 32)
	for i := range f.set.Items {
		item := &f.set.Items[i]
		visit := func(row *Reference, value any, beside map[string]any, at trail) {
			f.reference(i, row, value, beside, at)
		}
		for _, table := range tables {
			at = at[:0]
			table.of(item.Kind).walk(map[string]any(item.Object), nil, at, visit)
			if item.Pods != nil {
				table.of(podsKind).walk(item.Pods.Spec, nil, append(at, item.Pods.Field), visit)
			}
		}
	}
}

// podsKind stands for every kind that makes pods.
var podsKind = Kind{Kind: podsFrom}

// fields of one table by kind. The trie of a kind is made when the first object of the kind is met: a set has few of
// the kinds that the table knows. Many renders may share it.
type fields struct {
	rows  map[Kind][]*Reference
	mu    sync.RWMutex
	tries map[Kind]*trie
}

// builtinFields outlives a render: in a server there are many.
var builtinFields = sync.OnceValue(func() *fields { return newFields(Builtin()) })

func newFields(table []Reference) *fields {
	f := &fields{rows: make(map[Kind][]*Reference, len(table)/2), tries: map[Kind]*trie{}}
	for i := range table {
		for _, from := range table[i].From {
			kind := Canonical(ParseKind(from))
			f.rows[kind] = append(f.rows[kind], &table[i])
		}
	}
	return f
}

// of returns nil for a kind that the table does not know.
func (f *fields) of(kind Kind) *trie {
	rows := f.rows[kind]
	if rows == nil {
		return nil
	}
	f.mu.RLock()
	t, ok := f.tries[kind]
	f.mu.RUnlock()
	if !ok {
		t = newTrie(rows)
		f.mu.Lock()
		f.tries[kind] = t
		f.mu.Unlock()
	}
	return t
}

func newTrie(rows []*Reference) *trie {
	t := &trie{}
	for _, row := range rows {
		steps, err := parsePath(row.Field)
		if err != nil {
			panic(err) // Parse and the tests of the table have seen the row
		}
		t.add(steps, row)
	}
	return t
}

// reference turns what a field holds into edges.
func (f *finder) reference(from int, row *Reference, value any, beside map[string]any, at trail) {
	name, _ := value.(string)
	if m, ok := value.(map[string]any); ok {
		name, _ = m["name"].(string)
		beside = m
	}
	if name == "" || row.Unless != "" && beside[row.Unless] == true || row.When != "" && beside[row.When] != true {
		return
	}
	item := &f.set.Items[from]
	namespace := item.ID.Namespace
	if row.In != "" && f.set.effective(item.Kind, "any") == "" {
		namespace = f.home(item.Kind.Group, row.In)
	}
	if row.Namespace != "" {
		if ns, _ := beside[row.Namespace].(string); ns != "" {
			namespace = ns
		}
	}
	kind := ParseKind(row.To)
	if row.Typed {
		kind = typed(kind, beside)
	}
	namespace, name = formed(row.Form, namespace, name)
	f.need(Edge{From: from, Field: at.String(), Strength: row.Strength}, kind, namespace, name, row.Behind)
}

// need adds the edges to an object of that name, to what makes it, and to the workloads behind it.
func (f *finder) need(e Edge, kind Kind, namespace, name string, behind Strength) {
	if kind == secretKind {
		f.needMaker(e, namespace, name)
	}
	to, ok := f.set.Find(kind, namespace, name)
	if !ok {
		return
	}
	e.To = to
	f.add(e)
	if behind != "" && kind == serviceKind {
		f.behind(e, to, behind)
	}
}

// typed reads the kind and group that stand beside a name.
func typed(kind Kind, beside map[string]any) Kind {
	if named, _ := beside["kind"].(string); named != "" {
		kind.Kind = named
	}
	for _, field := range []string{"apiGroup", "group"} {
		if group, ok := beside[field].(string); ok {
			kind.Group = group
			return kind
		}
	}
	if version, _ := beside["apiVersion"].(string); version != "" {
		group, _, found := strings.Cut(version, "/")
		if !found {
			group = ""
		}
		kind.Group = group
	}
	return kind
}

// formed reads a name that says more than a name.
func formed(form, namespace, name string) (string, string) {
	switch form {
	case "namespace/name":
		if ns, rest, ok := strings.Cut(name, "/"); ok {
			return ns, rest
		}
	case "host":
		parts := strings.Split(name, ".")
		if len(parts) == 2 || len(parts) > 2 && parts[2] == "svc" {
			return parts[1], parts[0]
		}
	}
	return namespace, name
}
