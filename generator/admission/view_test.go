package admission_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/manifests"
)

func TestAnApplicationSetThatCannotBeSeenThroughIsRefusedByName(t *testing.T) {
	type spec = v1alpha1.ApplicationSetSpec
	patch := func(text string) func(*spec) { return func(s *spec) { s.TemplatePatch = &text } }
	applies := func(policy v1alpha1.ApplicationsSyncPolicy) func(*spec) {
		return func(s *spec) { s.SyncPolicy = &v1alpha1.ApplicationSetSyncPolicy{ApplicationsSync: &policy} }
	}
	ignores := func(pointer, expression string) func(*spec) {
		return func(s *spec) {
			one := v1alpha1.ApplicationSetResourceIgnoreDifferences{}
			if pointer != "" {
				one.JSONPointers = []string{pointer}
			}
			if expression != "" {
				one.JQPathExpressions = []string{expression}
			}
			s.IgnoreApplicationDifferences = v1alpha1.ApplicationSetIgnoreDifferences{one}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*spec)
		// want is a part of the message; empty: it is not refused.
		want string
	}{
		{"as it is shipped", func(*spec) {}, ""},
		{"no generator", func(s *spec) { s.Generators = nil }, "spec.generators has 0 generators"},
		{"two plugin generators", func(s *spec) { s.Generators = append(s.Generators, s.Generators[0]) }, "spec.generators has 2 generators"},
		{"matrix", func(s *spec) {
			s.Generators = []v1alpha1.ApplicationSetGenerator{{Matrix: &v1alpha1.MatrixGenerator{}}}
		}, "spec.generators[0].matrix"},
		{"merge", func(s *spec) { s.Generators = []v1alpha1.ApplicationSetGenerator{{Merge: &v1alpha1.MergeGenerator{}}} }, "spec.generators[0].merge"},
		{"list", func(s *spec) { s.Generators = []v1alpha1.ApplicationSetGenerator{{List: &v1alpha1.ListGenerator{}}} }, "is no plugin generator"},
		{"list and plugin", func(s *spec) { s.Generators[0].List = &v1alpha1.ListGenerator{} }, "several generators in one"},
		{"selector", func(s *spec) { s.Generators[0].Selector = &metav1.LabelSelector{} }, "spec.generators[0].selector"},
		{"a template of the generator's", func(s *spec) { s.Generators[0].Plugin.Template.Name = "x" }, "plugin.template overrides"},
		{"values", func(s *spec) { s.Generators[0].Plugin.Values = map[string]string{"a": "b"} }, ""},
		{"no Go template", func(s *spec) { s.GoTemplate = false }, "spec.goTemplate is not true"},
		{"another name", func(s *spec) { s.Template.Name = "x-{{ .tidegate.name }}" }, `spec.template.metadata.name is "x-{{ .tidegate.name }}"`},
		{"the name in other words", func(s *spec) { s.Template.Name = "{{- .tidegate.name -}}" }, ""},
		{"no annotation", func(s *spec) { delete(s.Template.Annotations, params.Annotation) }, "has no tidegate.dev/parameters"},
		{"a part of the annotation", func(s *spec) { s.Template.Annotations[params.Annotation] = "{{ toJson .tidegate.cluster }}" }, "has no tidegate.dev/parameters"},
		{"the annotation in other words", func(s *spec) { s.Template.Annotations[params.Annotation] = "{{ .tidegate | toJson }}" }, ""},
		{"no patch", func(s *spec) { s.TemplatePatch = nil }, ""},
		{"a patch of the annotation", patch("metadata: {annotations: {tidegate.dev/parameters: x}}"), "spec.templatePatch has something to say"},
		{"a patch of the name", patch("metadata:\n  labels:\n    a: b\n  name: x"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name between templates", patch("{{- if true }}\nmetadata:\n  {{- if true }}\n  name: x\n  {{- end }}\n{{- end }}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name in flow style", patch("metadata: {name: x}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name in JSON", patch(`{"metadata": {"name": "x"}}`), "spec.templatePatch sets metadata.name"},
		{"a patch of the name in JSON on several lines", patch("{\n  \"metadata\": {\n    \"name\": \"x\"\n  }\n}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name after another field in flow style", patch("{spec: {project: x}, metadata: {name: x}}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name after another field in JSON", patch(`{"spec": {"project": "x"}, "metadata": {"labels": {"a": "b"}, "name": "{{ .tidegate.service }}"}}`), "spec.templatePatch sets metadata.name"},
		{"a patch of the name in one of two branches", patch("{{ if .a }}\n{spec: {project: x}, metadata: {name: x}}\n{{ else }}\n{spec: {project: y}}\n{{ end }}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name with an escape", patch(`{"spec": {"project": "x"}, "met\u0061data": {"name": "x"}}`), "spec.templatePatch sets metadata.name"},
		{"a patch of the name on a line with its condition", patch("{{ if .a }}metadata: {name: x}{{ end }}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name below a line with its condition", patch("{{ if .a }}metadata:\n  name: x\n{{ end }}"), "spec.templatePatch sets metadata.name"},
		{"a patch of the name after what a template writes", patch("metadata:\n{{ toYaml .more | nindent 2 }}\n  name: x"), "spec.templatePatch sets metadata.name"},
		{"a patch that replaces all", patch("$patch: replace\nspec:\n  project: x"), "spec.templatePatch drops or replaces metadata"},
		{"a patch that replaces the metadata", patch("metadata:\n  $patch: replace\n  labels: {a: b}"), "spec.templatePatch drops or replaces metadata"},
		{"a patch that drops the metadata", patch("metadata: null"), "spec.templatePatch drops or replaces metadata"},
		{"a patch that drops the annotations", patch("metadata: {annotations: null}"), "spec.templatePatch drops or replaces metadata"},
		{"a patch that replaces the annotations in one of two branches", patch("{{ if .a }}\nmetadata: {annotations: {$patch: replace}}\n{{ else }}\n: x\n{{ end }}"), "spec.templatePatch drops or replaces metadata"},
		{"a patch that replaces a list", patch("spec:\n  info:\n  - $patch: replace\n  - {name: x, value: y}"), ""},
		{"a patch of other names in JSON", patch(`{"spec": {"destination": {"name": "x"}}, "metadata": {"labels": {"name": "x"}, "annotations": {"a": "{name: x}"}}}`), ""},
		{"a patch of other names", patch("metadata:\n  labels:\n    name: x\n    app.kubernetes.io/name: x\nspec:\n  source: {plugin: {name: tidegate}}\n  destination:\n    name: x"), ""},
		{"create-only", applies("create-only"), "spec.syncPolicy.applicationsSync is create-only"},
		{"create-update", applies("create-update"), "spec.syncPolicy.applicationsSync is create-update"},
		{"create-delete", applies("create-delete"), "spec.syncPolicy.applicationsSync is create-delete"},
		{"sync", applies("sync"), ""},
		{"the annotation is kept", func(s *spec) {
			s.PreservedFields = &v1alpha1.ApplicationPreservedFields{Annotations: []string{params.Annotation}}
		}, "spec.preservedFields.annotations"},
		{"annotations are ignored", ignores("/metadata/annotations", ""), "spec.ignoreApplicationDifferences[0]"},
		{"the annotation is ignored", ignores("/metadata/annotations/tidegate.dev~1parameters", ""), "spec.ignoreApplicationDifferences[0]"},
		{"annotations are ignored by an expression", ignores("", ".metadata.annotations"), "spec.ignoreApplicationDifferences[0]"},
		{"something else is ignored", ignores("/spec/source/targetRevision", ".spec.syncPolicy"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			here := scene{overlays: both, clusters: two}
			world := installed(t, here).now(here)
			world.ApplicationSet.Spec = *world.ApplicationSet.Spec.DeepCopy()
			test.change(&world.ApplicationSet.Spec)
			_, err := admission.Decide(world)
			var refusal *admission.Refusal
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "":
			case !errors.As(err, &refusal) || refusal.Status != http.StatusConflict || refusal.Kind != admission.PartialView || !strings.Contains(refusal.Message, test.want):
				t.Errorf("%v, want %s", err, test.want)
			}
			world.ApplicationSet.Annotations = map[string]string{admission.GuardAnnotation: "off"}
			if got := said(admission.Decide(world)); !strings.HasSuffix(got, "unguarded guard-off") {
				t.Errorf("with the guard off: %s", got)
			}
		})
	}
}

func TestTheShippedApplicationSetsAreSeenThrough(t *testing.T) {
	for name, manifest := range map[string][]byte{"services": manifests.Services, "cluster-config": manifests.ClusterConfig} {
		var set v1alpha1.ApplicationSet
		if err := yaml.UnmarshalStrict(manifest, &set); err != nil {
			t.Fatal(err)
		}
		here := scene{overlays: both, clusters: two}
		world := installed(t, here).now(here)
		world.ApplicationSet.Spec = set.Spec
		if _, err := admission.Decide(world); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPolicyThatWouldGuardNothingIsRefused(t *testing.T) {
	if err := admission.DefaultPolicy().Check(); err != nil {
		t.Error(err)
	}
	for flag, change := range map[string]func(*admission.Policy){
		"--removal-limit":  func(p *admission.Policy) { p.RemovalCount = -1 },
		"--removal-share":  func(p *admission.Policy) { p.RemovalShare = 101 },
		"--ramp":           func(p *admission.Policy) { p.Ramp = -1 },
		"--settle-timeout": func(p *admission.Policy) { p.SettleTimeout = 0 },
	} {
		policy := admission.DefaultPolicy()
		change(&policy)
		if err := policy.Check(); err == nil || !strings.HasPrefix(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
