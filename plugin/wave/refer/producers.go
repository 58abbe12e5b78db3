package refer

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/table"
)

//go:embed producers.yaml
var producersTable string

// producer is a kind that makes a Secret.
type producer struct {
	kind         Kind
	name         []string // the field with the Secret's name; its own name where that is empty
	unless       []string // where this field has the value otherwise, it makes none
	unlessEquals string
}

var producerTable = sync.OnceValue(func() []producer {
	var out []producer
	for row := range table.Rows(producersTable) {
		var p producer
		for _, field := range row.Fields {
			value := field.Values[0]
			switch field.Key {
			case "kind":
				p.kind = ParseKind(value)
			case "name":
				p.name = strings.Split(value, ".")
			case "unless":
				path, equals, _ := strings.Cut(value, "=")
				p.unless, p.unlessEquals = strings.Split(path, "."), equals
			}
		}
		out = append(out, p)
	}
	return out
})

// secret is a Secret, whether or not the set holds it.
type secret struct{ namespace, name string }

// producers notes what makes which Secret.
func (f *finder) producers() {
	f.makers = map[secret][]int{}
	for _, p := range producerTable() {
		for _, i := range f.set.Of(p.kind) {
			if name, ok := p.makes(f.set.Items[i].Object); ok {
				key := secret{f.set.Items[i].ID.Namespace, name}
				f.makers[key] = append(f.makers[key], i)
			}
		}
	}
}

func (p producer) makes(object manifest.Object) (string, bool) {
	if p.unless != nil && object.String(p.unless...) == p.unlessEquals {
		return "", false
	}
	if p.name != nil {
		if name := object.String(p.name...); name != "" {
			return name, true
		}
	}
	return object.Name(), object.Name() != ""
}

// needMaker: whoever needs a Secret needs what makes it to have done its work.
func (f *finder) needMaker(e Edge, namespace, name string) {
	for _, maker := range f.makers[secret{f.set.effective(secretKind, namespace), name}] {
		e.To, e.Strength = maker, Healthy
		f.add(e)
	}
}
