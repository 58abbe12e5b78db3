package params_test

import (
	"encoding/json"
	"testing"

	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/params"
)

// received is what Argo CD's plugin client makes of an answer.
func received(t *testing.T, result *params.Result) []map[string]any {
	t.Helper()
	encoded, err := json.Marshal(result.Answer())
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Output struct {
			Parameters []map[string]any `json:"parameters"`
		} `json:"output"`
	}
	if err := json.Unmarshal(encoded, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Output.Parameters
}

func TestTheAnnotationThatTheTemplateWritesIsTheParameterSet(t *testing.T) {
	result := compute(t, exampleWorld(t), params.Input{})
	template := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{
		Name:        "{{ .tidegate.name }}",
		Annotations: map[string]string{params.Annotation: "{{ toJson .tidegate }}"},
	}}
	for i, parameters := range received(t, result) {
		app, err := (&utils.Render{}).RenderTemplateParams(template, nil, parameters, true, []string{"missingkey=error"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := params.ParseAnnotation(app.Annotations[params.Annotation])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(result.Sets[i], got); diff != "" || app.Name != result.Sets[i].Name {
			t.Errorf("%s, -want +got:\n%s", app.Name, diff)
		}
	}
}

func TestTextsAreYAMLAsTheyStandInATemplatePatch(t *testing.T) {
	const patch = `
metadata:
  labels: {{ toJson .tidegate.labels }}
  annotations: {{ toJson .tidegate.annotations }}
  finalizers: {{ toJson .tidegate.finalizers }}
spec:
  source: {plugin: {name: tidegate, parameters: {{ .tidegate.pluginParameters }}}}
  ignoreDifferences: {{ .tidegate.ignoreDifferences }}
  syncPolicy: {{ .tidegate.syncPolicy }}
`
	result := compute(t, exampleWorld(t), params.Input{})
	for i, parameters := range received(t, result) {
		text, err := (&utils.Render{}).Replace(patch, parameters, true, []string{"missingkey=error"})
		if err != nil {
			t.Fatal(err)
		}
		var app v1alpha1.Application
		if err := yaml.UnmarshalStrict([]byte(text), &app); err != nil {
			t.Fatal(err)
		}
		var policy *v1alpha1.SyncPolicy
		if err := json.Unmarshal([]byte(result.Sets[i].SyncPolicy), &policy); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(policy, app.Spec.SyncPolicy); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestAnAnnotationThatHoldsNoSetSaysSo(t *testing.T) {
	for text, want := range map[string]string{
		"":   "annotation tidegate.dev/parameters: unexpected end of JSON input",
		"{}": "annotation tidegate.dev/parameters holds no parameter set: it has no name",
	} {
		if _, err := params.ParseAnnotation(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
