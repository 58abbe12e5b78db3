package substitute_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/substitute"
)

func objects(t testing.TB, documents string) []manifest.Object {
	t.Helper()
	var out []manifest.Object
	for document := range strings.SplitSeq(documents, "\n---\n") {
		var object manifest.Object
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		out = append(out, object)
	}
	return out
}

func text(t testing.TB, objects []manifest.Object) string {
	t.Helper()
	out, err := manifest.YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func configMap(value string) []manifest.Object {
	return []manifest.Object{{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c"},
		"data": map[string]any{"v": value},
	}}
}

func TestOnlyWhatIsAVariableIsReplaced(t *testing.T) {
	values := map[string]string{"A": "1", "B_2": "two", "_c": "3", "EMPTY": "", "DOLLARS": "$$x", "AGAIN": "${A}"}
	for _, test := range []struct{ name, in, want string }{
		{"nothing to do", "plain", "plain"},
		{"the whole value", "${A}", "1"},
		{"inside text", "x-${A}-y", "x-1-y"},
		{"several, touching", "${A}${B_2}${_c}", "1two3"},
		{"a defined empty value", "[${EMPTY}]", "[]"},
		{"shell default", "${A:-x}", "${A:-x}"},
		{"shell expansions", "${#A} ${A%.*} ${!A} ${A/x/y}", "${#A} ${A%.*} ${!A} ${A/x/y}"},
		{"plain dollar", "$A costs $5 $", "$A costs $5 $"},
		{"Kubernetes variable", "$(A) $$(A)", "$(A) $$(A)"},
		{"name with a leading digit", "${1A}", "${1A}"},
		{"name with a dash or dot", "${A-B} ${A.B}", "${A-B} ${A.B}"},
		{"name with spaces", "${ A }", "${ A }"},
		{"empty name", "${}", "${}"},
		{"never closed", "${A", "${A"},
		{"closed by the next one", "${A${A}", "${A1"},
		{"one inside another's default", "${X:-${A}}", "${X:-1}"},
		{"one inside another", "${${A}}", "${1}"},
		{"GitHub expression", "${{ A }} ${{A}}", "${{ A }} ${{A}}"},
		{"Grafana double brackets", "[[A]] ${__rate_interval:A}", "[[A]] ${__rate_interval:A}"},
		{"value not searched again", "${AGAIN}", "${A}"},
		{"dollars of a value not paired", "${DOLLARS}{A}", "$$x{A}"},
		{"value after a dollar makes no variable", "$$${EMPTY}{A}", "${A}"},
		{"escape", "$${A}", "${A}"},
		{"escape of an undefined one", "$${UNDEFINED}", "${UNDEFINED}"},
		{"dollar and value", "$$${A}", "$1"},
		{"escaped escape", "$$$${A}", "$${A}"},
		{"two dollars and value", "$$$$${A}", "$$1"},
		{"escape beside a variable", "$${A}${A}$${A}", "${A}1${A}"},
		{"pairs of dollars elsewhere", "$$ $$A $${A $$(A)", "$$ $$A $${A $$(A)"},
		{"not ASCII", "ü${A}ü ${Ä}", "ü1ü ${Ä}"},
		{"not UTF-8", "\xff${A}\xff", "\xff1\xff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := configMap(test.in)
			if err := substitute.Apply(in, values); err != nil {
				t.Fatal(err)
			}
			if got := in[0].String("data", "v"); got != test.want {
				t.Errorf("%q gives %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestEveryPlaceOfAnObject(t *testing.T) {
	values := map[string]string{"CLUSTER": "eu1", "N": "3", "PASSWORD": "x", "V": "v1"}
	for _, test := range []struct{ name, in, want string }{
		{
			name: "names, namespaces, kinds and versions",
			in: `
apiVersion: apps/${V}
kind: ${CLUSTER}
metadata: {name: "app-${CLUSTER}", namespace: "ns-${CLUSTER}", labels: {cluster: "${CLUSTER}"}}`,
			want: `
apiVersion: apps/v1
kind: eu1
metadata: {name: app-eu1, namespace: ns-eu1, labels: {cluster: eu1}}`,
		},
		{
			name: "lists at any depth",
			in: `
kind: Deployment
spec: {template: {spec: {containers: [{args: [a, "--cluster=${CLUSTER}", [["${CLUSTER}"]]]}]}}}`,
			want: `
kind: Deployment
spec: {template: {spec: {containers: [{args: [a, "--cluster=eu1", [["eu1"]]]}]}}}`,
		},
		{
			name: "a number stays a string, whatever the quotes were",
			in:   "kind: D\na: '${N}'\nb: ${N}",
			want: `{kind: D, a: "3", b: "3"}`,
		},
		{
			name: "other types are not touched",
			in:   "{kind: D, a: 1, b: 1.5, c: true, d: null, e: '${N}'}",
			want: `{kind: D, a: 1, b: 1.5, c: true, d: null, e: "3"}`,
		},
		{
			name: "stringData of a Secret, not its base64 data",
			in: `
apiVersion: v1
kind: Secret
data: {a: "${PASSWORD}"}
stringData: {a: "${PASSWORD}"}`,
			want: `
apiVersion: v1
kind: Secret
data: {a: "${PASSWORD}"}
stringData: {a: x}`,
		},
		{
			name: "data of a kind that only shares the name Secret",
			in:   "{apiVersion: example.com/v1, kind: Secret, data: {a: '${N}'}}",
			want: "{apiVersion: example.com/v1, kind: Secret, data: {a: '3'}}",
		},
		{
			name: "an object that asks to be left alone",
			in: `
kind: ConfigMap
metadata: {annotations: {tidegate.dev/substitute: disabled}}
data: {script: "echo ${HOME} ${N} $${N}", "${N}": key}`,
			want: `
kind: ConfigMap
metadata: {annotations: {tidegate.dev/substitute: disabled}}
data: {script: "echo ${HOME} ${N} $${N}", "${N}": key}`,
		},
		{
			name: "what looks like a variable in a key and is none",
			in:   "{kind: C, data: {'$${N}': a, '${N:-x}': b}}",
			want: "{kind: C, data: {'$${N}': a, '${N:-x}': b}}",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := objects(t, test.in)
			if err := substitute.Apply(got, values); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text(t, objects(t, test.want)), text(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadInputIsRefusedBeforeAnythingChanges(t *testing.T) {
	for _, test := range []struct {
		name   string
		in     []manifest.Object
		values map[string]string
		want   string
	}{
		{
			name:   "names that no variable can have",
			in:     configMap("${A}"),
			values: map[string]string{"A": "1", "my-var": "x", "": "y", "1st": "z"},
			want:   `substitutions: no variable can be named "", "1st", "my-var": a name is letters, digits and underscores, and does not start with a digit`,
		},
		{
			name: "annotation with a slip of the finger",
			in: objects(t, `
kind: ConfigMap
metadata: {name: c, annotations: {tidegate.dev/substitute: disable}}
data: {a: "${A}"}`),
			values: map[string]string{"A": "1"},
			want:   `ConfigMap c: tidegate.dev/substitute is "disable": "disabled" is the only value it takes; without the annotation, variables are substituted`,
		},
		{
			name:   "a small tree that would grow to gigabytes",
			in:     configMap(strings.Repeat("${A}", 1<<17)),
			values: map[string]string{"A": strings.Repeat("x", 1<<17)},
			want:   "substitution would put in more than 16 MiB of values",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := text(t, test.in)
			err := substitute.Apply(test.in, test.values)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if text(t, test.in) != before {
				t.Error("the objects changed")
			}
		})
	}
}

func TestWhatIsPutInIsSaidBeforehand(t *testing.T) {
	in := configMap("${A} and ${A} and ${B}")
	before := text(t, in)
	full := errors.New("there is no room")
	var grown int64
	err := substitute.ApplyWithin(in, map[string]string{"A": "12345678", "B": ""}, func(bytes int64) error { grown = bytes; return full })
	if !errors.Is(err, full) || text(t, in) != before {
		t.Errorf("got %v, and the objects %s", err, text(t, in))
	}
	if grown < 16 {
		t.Errorf("it grows by %d bytes", grown)
	}
}

func TestFindListsWhatApplyWouldRefuseAndChangesNothing(t *testing.T) {
	in := objects(t, `
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {a: "${NO}"}
stringData: {a: "${YES}"}
---
kind: ConfigMap
metadata: {name: off, annotations: {tidegate.dev/substitute: disabled}}
data: {a: "${NO}"}
---
kind: ConfigMap
metadata: {name: c}
data: {a: "$${NO} ${NO:-x} $NO", b: "${YES}", "${KEY}": x}`)
	before := text(t, in)
	want := []substitute.Unresolved{
		{ID: manifest.ID{Kind: "Secret", Name: "s"}, Field: "stringData.a", Variable: "YES"},
		{ID: manifest.ID{Kind: "ConfigMap", Name: "c"}, Field: `data["${KEY}"]`, Variable: "KEY", InKey: true},
		{ID: manifest.ID{Kind: "ConfigMap", Name: "c"}, Field: "data.b", Variable: "YES"},
	}
	got := substitute.Find(in)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b substitute.Unresolved) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if text(t, in) != before {
		t.Error("Find changed the objects")
	}
	var undefined *substitute.UndefinedError
	if err := substitute.Apply(in, nil); !errors.As(err, &undefined) || len(undefined.Unresolved) != len(want) {
		t.Errorf("Apply without values: %v", err)
	}
}

func TestDeepNestingIsNoTrouble(t *testing.T) {
	var deep any = "${A}"
	for range 10_000 {
		deep = map[string]any{"a": []any{deep}}
	}
	if err := substitute.Apply([]manifest.Object{{"kind": "Deep", "spec": deep}}, nil); err == nil || len(err.Error()) > 2000 {
		t.Errorf("want one short error, got %v", err)
	}
	if err := substitute.Apply([]manifest.Object{{"kind": "Deep", "spec": deep}}, map[string]string{"A": "1"}); err != nil {
		t.Error(err)
	}
}
