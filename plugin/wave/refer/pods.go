package refer

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/table"
)

// Pods is what an object makes pods from.
type Pods struct {
	Labels map[string]any
	Spec   map[string]any
	// Field is the path of the pods' spec in the object.
	Field string
	// Serve says that the pods stay, as those behind a Service do; those of a Job end.
	Serve bool
	// Start says that the pods start when the object is applied. They do not where there are no replicas, where it
	// is paused or suspended, or where it waits for its time.
	Start bool
}

//go:embed pods.yaml
var podsTable string

// template says where a kind keeps its pods.
type template struct {
	path  []string // of what holds the pods' metadata and spec
	field string   // of the pods' spec
	runs  string   // always, once, later
}

var templates = sync.OnceValue(func() map[Kind]template {
	out := map[Kind]template{}
	for row := range table.Rows(podsTable) {
		var kind Kind
		t := template{runs: "always", field: "spec"}
		for _, field := range row.Fields {
			switch field.Key {
			case "kind":
				kind = ParseKind(field.Values[0])
			case "template":
				t.path = strings.Split(field.Values[0], ".")
				t.field = field.Values[0] + ".spec"
			case "runs":
				t.runs = field.Values[0]
			}
		}
		out[kind] = t
	}
	return out
})

func podsOf(kind Kind, object manifest.Object) *Pods {
	t, ok := templates()[kind]
	if !ok {
		return nil
	}
	pod := manifest.Object(object)
	if len(t.path) > 0 {
		pod = object.Map(t.path...)
	}
	return &Pods{
		Labels: pod.Map("metadata", "labels"),
		Spec:   pod.Map("spec"),
		Field:  t.field,
		Serve:  t.runs == "always",
		Start:  t.runs != "later" && starts(object),
	}
}

func starts(object manifest.Object) bool {
	for _, off := range []string{"paused", "suspend"} {
		if object.Value("spec", off) == true {
			return false
		}
	}
	return !zero(object.Value("spec", "replicas")) && !zero(object.Value("spec", "parallelism"))
}

func zero(value any) bool {
	switch n := value.(type) {
	case int64:
		return n == 0
	case int:
		return n == 0
	case float64:
		return n == 0
	}
	return false
}

// ServiceAccount is the name of the account the pods run as.
func (p *Pods) ServiceAccount() string {
	for _, field := range []string{"serviceAccountName", "serviceAccount"} {
		if name, _ := p.Spec[field].(string); name != "" {
			return name
		}
	}
	return "default"
}
