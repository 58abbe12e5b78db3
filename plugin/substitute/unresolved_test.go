package substitute_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/substitute"
)

func TestAnUndefinedVariableNamesItsPlaceAndTheWaysOut(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{
			name: "one, with a name that was probably meant",
			in: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: staging}
spec: {template: {spec: {containers: [{image: a}, {image: "r/${CLUTSER}/${CLUTSER}"}]}}}`,
			want: "Deployment.apps staging/api: spec.template.spec.containers[1].image: ${CLUTSER} has no value; did you mean ${CLUSTER}?\n" +
				"Give a value with --set CLUTSER=VALUE or the plugin parameter substitutions, write $${CLUTSER} for a literal ${CLUTSER}, " +
				"or leave the whole object alone with the annotation tidegate.dev/substitute: disabled.",
		},
		{
			name: "several, over objects, in order",
			in: `
kind: ConfigMap
metadata: {name: b}
data: {nginx.conf: "$host ${host} ${CLUSTER}", a: "${x} ${y} ${x}"}
---
kind: ConfigMap
metadata: {name: a, labels: {"${CLUSTER}": x}}`,
			want: "4 variables are not resolved:\n" +
				"  ConfigMap b: data.a: ${x} has no value\n" +
				"  ConfigMap b: data.a: ${y} has no value\n" +
				"  ConfigMap b: data[\"nginx.conf\"]: ${host} has no value\n" +
				"  ConfigMap a: metadata.labels[\"${CLUSTER}\"]: ${CLUSTER} stands in a map key, and keys are never substituted\n" +
				"Give a value with --set NAME=VALUE or the plugin parameter substitutions, write $${NAME} for a literal ${NAME}, " +
				"or leave the whole object alone with the annotation tidegate.dev/substitute: disabled.",
		},
		{
			name: "only a map key, where no value helps",
			in:   "{kind: ConfigMap, metadata: {name: a}, data: {'${CLUSTER}': x}}",
			want: "ConfigMap a: data[\"${CLUSTER}\"]: ${CLUSTER} stands in a map key, and keys are never substituted\n" +
				"Write the key out, or leave the whole object alone with the annotation tidegate.dev/substitute: disabled.",
		},
		{
			name: "Secret: the key and the variable, never the text around it",
			in:   "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {dsn: 'hunter2${HOST}'}}",
			want: "Secret s: stringData.dsn: ${HOST} has no value\n" +
				"Give a value with --set HOST=VALUE or the plugin parameter substitutions, write $${HOST} for a literal ${HOST}, " +
				"or leave the whole object alone with the annotation tidegate.dev/substitute: disabled.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := objects(t, test.in)
			before := text(t, in)
			err := substitute.Apply(in, map[string]string{"CLUSTER": "eu1"})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			if after := text(t, in); after != before {
				t.Errorf("a failed Apply changed the objects:\n%s", cmp.Diff(before, after))
			}
		})
	}
}

func TestAThousandUndefinedVariablesFitAScreen(t *testing.T) {
	data := map[string]any{}
	for i := range 1000 {
		data[string(rune('a'+i%26))+strings.Repeat("x", i/26)] = "${" + strings.Repeat("LONG", i+1) + "}"
	}
	err := substitute.Apply([]manifest.Object{{"kind": "ConfigMap", "data": data}}, nil)
	var undefined *substitute.UndefinedError
	if !errors.As(err, &undefined) {
		t.Fatalf("got %v", err)
	}
	if undefined.Total != 1000 || len(undefined.Unresolved) != substitute.MaxListed {
		t.Errorf("total %d, listed %d", undefined.Total, len(undefined.Unresolved))
	}
	message := err.Error()
	if lines := strings.Count(message, "\n"); lines != 12 || !strings.Contains(message, "\n  and 990 more\n") {
		t.Errorf("%d lines:\n%s", lines, message)
	}
	if len(message) > 8000 {
		t.Errorf("%d bytes", len(message))
	}
}
