package refer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// A user loses the order of their own custom resources.
func TestUsersExtendTheTable(t *testing.T) {
	rows, err := Parse([]byte(`
- {from: Database.example.com, field: spec.credentials.secretName, to: Secret, strength: healthy}
- from: [Tenant.example.com]
  field: spec.plans[*].limits["example.com/class"]
  to: Class.example.com
`))
	if err != nil {
		t.Fatal(err)
	}
	objects := []manifest.Object{
		{"apiVersion": "example.com/v1", "kind": "Database", "metadata": map[string]any{"name": "db"},
			"spec": map[string]any{"credentials": map[string]any{"secretName": "login"}}},
		{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "login"}},
		{"apiVersion": "example.com/v1", "kind": "Tenant", "metadata": map[string]any{"name": "t"},
			"spec": map[string]any{"plans": map[string]any{"b.c": map[string]any{"limits": map[string]any{"example.com/class": "gold"}}}}},
		{"apiVersion": "example.com/v1", "kind": "Class", "metadata": map[string]any{"name": "gold"}},
	}
	result, err := Find(NewSet(objects, ""), rows)
	if err != nil {
		t.Fatal(err)
	}
	want := []Edge{
		{From: 0, To: 1, Field: "spec.credentials.secretName", Strength: Healthy},
		{From: 2, To: 3, Field: `spec.plans["b.c"].limits["example.com/class"]`, Strength: Applied},
	}
	if diff := cmp.Diff(want, result.Edges); diff != "" {
		t.Error(diff)
	}
}

// A user loses the place of a mistake in a row, and the way out.
func TestMistakesInRowsAreNamed(t *testing.T) {
	for _, test := range []struct{ name, rows, want string }{
		{"no list", "from: A", "references: not a list of rows"},
		{"unknown field", "- {from: A.example.com, feild: spec.a, to: Secret}", `references[0] (A.example.com ): error unmarshaling JSON: while decoding JSON: json: unknown field "feild"`},
		{"no from", "- {field: spec.a, to: Secret}", `references[0] (from is missing spec.a): from is missing; it names the kind`},
		{"no field", "- {from: A.example.com, to: Secret}", "field is missing; it is the path"},
		{"no to", "- {from: A.example.com, field: spec.a}", "to is missing; it names the kind that must come first, such as Secret"},
		{"strength", "- {from: A.example.com, field: spec.a, to: Secret, strength: strong}", `strength "strong" is none of applied and healthy`},
		{"form", "- {from: A.example.com, field: spec.a, to: Secret, form: url}", `form "url" is none of`},
		{"kind", "- {from: .example.com, field: spec.a, to: Secret}", `".example.com" is no kind; write Kind.group`},
		{"empty key", "- {from: A.example.com, field: spec..a, to: Secret}", `field "spec..a": a key is missing at ".a"`},
		{"bracket", `- {from: A.example.com, field: 'spec["a', to: Secret}`, `a key in brackets must end with "]`},
		{"list first", "- {from: A.example.com, field: '[].a', to: Secret}", "must begin with a key"},
		{"no dot", "- {from: A.example.com, field: 'spec[]a', to: Secret}", `expected . or [ at "a"`},
		{"second row", "- {from: A.example.com, field: spec.a, to: Secret}\n- {from: B.example.com, field: spec.b}", "references[1] (B.example.com spec.b): to is missing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.rows))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A user loses the table: a path that cannot be read would panic in production.
func TestBuiltinRowsAreValid(t *testing.T) {
	for _, row := range Builtin() {
		if _, err := parsePath(row.Field); err != nil || row.To == "" || len(row.From) == 0 {
			t.Errorf("%+v: %v", row, err)
		}
	}
}
