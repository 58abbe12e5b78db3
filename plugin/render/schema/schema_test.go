package schema

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
)

// kyaml's schema is process-wide, so each test that needs a particular one runs in a process of its own: this binary
// again, with the name of what it does there in this variable.
const inChild = "TIDEGATE_SCHEMA_TEST"

var children = map[string]func(io.Writer){
	"dump kyaml's own": func(w io.Writer) { dump(w, ownTypes()) },
	"dump ours":        func(w io.Writer) { Suppress(); Load(); dump(w, ownTypes()) },
	"dump ours, after kyaml's initialisation": func(w io.Writer) {
		Suppress()
		openapi.Schema()
		Load()
		dump(w, ownTypes())
	},
	"scopes without a schema": func(w io.Writer) { Suppress(); scopes(w) },
	"scopes with ours":        func(w io.Writer) { Suppress(); Load(); scopes(w) },
	"scopes with kyaml's own": func(w io.Writer) { openapi.Schema(); scopes(w) },
	"merge with kyaml's own":  merge,
	"merge with ours":         func(w io.Writer) { Suppress(); Load(); merge(w) },
	"load at once":            loadAtOnce,
	"leaks":                   leaks,
}

func TestMain(m *testing.M) {
	if do, ok := children[os.Getenv(inChild)]; ok {
		do(os.Stdout)
		return
	}
	os.Exit(m.Run())
}

func child(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), inChild+"="+name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func TestEveryFieldMergesAsWithTheBuiltInSchema(t *testing.T) {
	want := child(t, "dump kyaml's own")
	if n := strings.Count(want, "\n"); n < 2500 {
		t.Fatalf("the built-in schema dumps to %d lines only", n)
	}
	for _, name := range []string{"dump ours", "dump ours, after kyaml's initialisation"} {
		if diff := cmp.Diff(want, child(t, name)); diff != "" {
			t.Errorf("%s (-kyaml +ours):\n%s", name, diff)
		}
	}
}

func TestScopesOfKindsDoNotDependOnTheSchema(t *testing.T) {
	want := child(t, "scopes with kyaml's own")
	for _, name := range []string{"scopes without a schema", "scopes with ours"} {
		if diff := cmp.Diff(want, child(t, name)); diff != "" {
			t.Errorf("%s (-kyaml +ours):\n%s", name, diff)
		}
	}
}

func TestPatchMergesAsWithTheBuiltInSchema(t *testing.T) {
	want := child(t, "merge with kyaml's own")
	if !strings.Contains(want, "name: sidecar") {
		t.Fatalf("the sidecar is lost with kyaml's own schema: %s", want)
	}
	if diff := cmp.Diff(want, child(t, "merge with ours")); diff != "" {
		t.Errorf("(-kyaml +ours):\n%s", diff)
	}
}

func TestLoadFromManyGoroutines(t *testing.T) { child(t, "load at once") }

func TestForeignSchemaIsNoticed(t *testing.T) {
	want := "before: <nil>\nadded: true\nreplaced: true\ncustom: true\n"
	if got := child(t, "leaks"); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestNoTwoDefinitionsOfOneKind(t *testing.T) {
	all := ownTypes()
	if unique := slices.Compact(slices.Clone(all)); len(unique) != len(all) {
		t.Errorf("%d kinds for %d definitions: which one kyaml takes is a matter of map order", len(unique), len(all))
	}
}

// ownTypes are the kinds that have a schema, sorted.
func ownTypes() []yaml.TypeMeta {
	all := types(table)
	slices.SortFunc(all, func(a, b yaml.TypeMeta) int {
		return strings.Compare(a.APIVersion+" "+a.Kind, b.APIVersion+" "+b.Kind)
	})
	return all
}

// dump writes, through the functions kyaml's merge uses, everything that can be reached from every kind. A definition is
// numbered when it is first met, and written once.
func dump(w io.Writer, all []yaml.TypeMeta) {
	fmt.Fprintln(w, openapi.GetSchemaVersion(), len(openapi.Schema().Definitions))
	numbers := map[uintptr]int{}
	for _, t := range all {
		fmt.Fprintf(w, "%s %s: ", t.APIVersion, t.Kind)
		dumpSchema(w, openapi.SchemaForResourceType(t), numbers)
	}
	fmt.Fprintln(w, openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: "example.com/v1", Kind: "Unknown"}) == nil)
}

func dumpSchema(w io.Writer, s *openapi.ResourceSchema, numbers map[uintptr]int) {
	if s == nil {
		fmt.Fprintln(w, "none")
		return
	}
	strategy, keys := s.PatchStrategyAndKeyList()
	oneStrategy, key := s.PatchStrategyAndKey()
	fmt.Fprint(w, s.Schema.Type, s.Schema.Ref.String(), strategy, keys, oneStrategy, key, s.Schema.Extensions[gvkKey])
	fields := reflect.ValueOf(s.Schema.Properties)
	if fields.Len() > 0 {
		number, met := numbers[fields.Pointer()]
		if met {
			fmt.Fprintln(w, "as", number)
			return
		}
		numbers[fields.Pointer()] = len(numbers)
		fmt.Fprintln(w, "is", len(numbers)-1)
	} else {
		fmt.Fprintln(w)
	}
	var names []string
	for name := range s.Schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range append(names, "no such field") {
		fmt.Fprint(w, " ", name, " ")
		dumpSchema(w, s.Field(name), numbers)
	}
	fmt.Fprint(w, " [] ")
	dumpSchema(w, s.Elements(), numbers)
}

func scopes(w io.Writer) {
	unknown := []yaml.TypeMeta{{APIVersion: "v1", Kind: "Unknown"}, {Kind: "Namespace"}, {}, {APIVersion: "example.com/v1", Kind: "Deployment"}}
	for _, t := range append(ownTypes(), unknown...) {
		scoped, found := openapi.IsNamespaceScoped(t)
		fmt.Fprintln(w, t, scoped, found)
	}
}

func merge(w io.Writer) {
	for _, kind := range []string{"apiVersion: apps/v1\nkind: Deployment\n", "apiVersion: example.com/v1\nkind: Deployment\n"} {
		target := yaml.MustParse(kind + `metadata: {name: web, finalizers: [a]}
spec:
  template:
    spec:
      containers:
      - {name: web, image: web:1, ports: [{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: UDP}], env: [{name: A, value: a}], args: [x]}
      - {name: sidecar, image: sidecar:1}
      tolerations: [{key: a}]
`)
		patch := yaml.MustParse(kind + `metadata: {name: web, finalizers: [b]}
spec:
  template:
    spec:
      containers:
      - {name: web, image: web:2, ports: [{containerPort: 80, protocol: UDP, name: dns}], env: [{name: B, value: b}], args: ["y"]}
      tolerations: [{key: b}]
`)
		merged, err := merge2.Merge(patch, target, yaml.MergeOptions{ListIncreaseDirection: yaml.MergeOptionsListPrepend})
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(w, merged.MustString())
	}
}

func loadAtOnce(io.Writer) {
	Suppress()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			Load()
			merge(io.Discard)
			if err := Assert(); err != nil {
				panic(err)
			}
		})
	}
	wg.Wait()
}

// leaks shows what Assert says after each way in which a kustomization can change the schema.
func leaks(w io.Writer) {
	Suppress()
	Load()
	fmt.Fprintln(w, "before:", Assert())
	definition := func(kind string) []byte {
		return []byte(`{"swagger":"2.0","info":{},"paths":{},"definitions":{"` + kind + `":{"type":"object",
			"x-kubernetes-group-version-kind":[{"group":"apps","version":"v1","kind":"Deployment"}]}}}`)
	}
	check := func(what string) { fmt.Fprintf(w, "%s: %v\n", what, errors.Is(Assert(), ErrForeign)) }

	if err := openapi.AddSchema(definition("com.example.Deployment")); err != nil {
		panic(err)
	}
	check("added")
	delete(openapi.Schema().Definitions, "com.example.Deployment")
	check("replaced")
	if err := openapi.SetSchema(map[string]string{"path": "x"}, []byte("not a schema"), true); err != nil {
		panic(err)
	}
	check("custom")
}
