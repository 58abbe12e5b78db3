package refer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// sets are the manifests of the examples that plugin/wave shows the orders of.
func sets(t testing.TB) map[string]*Set {
	t.Helper()
	files, _ := filepath.Glob("../testdata/references/*.txt")
	out := map[string]*Set{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var objects []manifest.Object
		for _, doc := range strings.Split(strings.Split(string(text), "\n================\n")[1], "---\n") {
			data, err := yaml.YAMLToJSONStrict([]byte(doc))
			var object map[string]any
			if err == nil {
				err = json.Unmarshal(data, &object)
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			objects = append(objects, object)
		}
		out[file] = NewSet(objects, "shop")
	}
	if len(out) == 0 {
		t.Fatal("no examples")
	}
	return out
}

// edges writes down everything that a table finds in the examples.
func edges(t testing.TB, sets map[string]*Set, table []Reference) string {
	t.Helper()
	var out []string
	for file, set := range sets {
		result, err := find(NewSet(objectsOf(set), set.Namespace), newFields(table))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range result.Edges {
			out = append(out, fmt.Sprint(file, e))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func objectsOf(set *Set) []manifest.Object {
	var objects []manifest.Object
	for _, item := range set.Items {
		objects = append(objects, item.Object)
	}
	return objects
}

// A user loses a reference without anybody noticing: every row must be what makes an edge of some example, for each of
// the kinds it is about.
func TestEveryRowOfTheTableIsNeededByAnExample(t *testing.T) {
	sets := sets(t)
	all := edges(t, sets, Builtin())
	for i, row := range Builtin() {
		for k, from := range row.From {
			without := slices.Clone(Builtin())
			without[i].From = slices.Delete(slices.Clone(row.From), k, k+1)
			if edges(t, sets, without) == all {
				t.Errorf("without the row %s %s -> %s every example is as before: add an object to testdata/references that needs it", from, row.Field, row.To)
			}
		}
	}
}

// A user loses the references of a whole kind of workload.
func TestEveryKindThatMakesPodsIsNeededByAnExample(t *testing.T) {
	sets := sets(t)
	all := edges(t, sets, Builtin())
	table := templates()
	for kind, template := range table {
		delete(table, kind)
		if edges(t, sets, Builtin()) == all {
			t.Errorf("without %s in pods.yaml every example is as before", kind)
		}
		table[kind] = template
	}
}

// A user loses the wait for what makes a Secret.
func TestEveryProducerIsNeededByAnExample(t *testing.T) {
	sets := sets(t)
	all := edges(t, sets, Builtin())
	for i, p := range producerTable() {
		producerTable()[i].kind = Kind{}
		if edges(t, sets, Builtin()) == all {
			t.Errorf("without %s in producers.yaml every example is as before", p.kind)
		}
		producerTable()[i] = p
	}
}

// A user loses cluster-scoped objects: taken for namespaced ones, nothing would find them.
func TestKindsWithoutNamespaceHaveNone(t *testing.T) {
	for kind := range kinds().cluster {
		object := manifest.Object{"apiVersion": kind.Group + "/v1", "kind": kind.Kind, "metadata": map[string]any{"name": "a", "namespace": "ignored"}}
		if kind.Group == "" {
			object["apiVersion"] = "v1"
		}
		set := NewSet([]manifest.Object{object}, "shop")
		if _, ok := set.Find(kind, "any", "a"); !ok || set.Items[0].ID.Namespace != "" {
			t.Errorf("%s: %+v", kind, set.Items[0].ID)
		}
	}
}
