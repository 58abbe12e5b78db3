//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tidegate/tidegate/test/sets"
)

// waveDelay is how long Argo CD waits at least between what it applies in two waves.
const waveDelay = 2 * time.Second

var (
	loggedAt = regexp.MustCompile(`^time="([^"]+)"`)
	noKind   = regexp.MustCompile(`no matches for kind \\"(\w+)\\" in version \\"([^/]+)/`)
)

// forgive takes for a first attempt what was tried again only because the discovery of Argo CD's kubectl missed a kind that the
// API server had served for longer than a wave is apart from the next. It asks for each API group by itself and leaves out
// what a busy API server does not answer; no order of waves can help that. Where a kind comes with what needs it, it is served
// no earlier than the attempt begins, and where waves do not have it come first, that is their mistake.
func (t *trials) forgive(all []sets.Set) {
	for _, set := range all {
		for _, order := range t.orders {
			name := set.Name + "-" + order.name
			if out := t.outcomes[name]; out.kind == afterRetries && t.discoveryMissed(name, order, int(out.retries)) {
				out.kind, out.retries, out.forgiven = firstAttempt, 0, out.retries
				t.outcomes[name] = out
			}
		}
	}
}

// discoveryMissed tells whether all that could not be applied for an Application was of kinds that had been there, in as many
// attempts as have failed.
func (t *trials) discoveryMissed(app string, order ordering, retries int) bool {
	log, err := os.ReadFile(filepath.Join(t.Dir, "logs", "argocd-application-controller.log"))
	t.must(err)
	unknown, only := unknownKinds(string(log), app)
	if !only || len(unknown) < retries {
		return false
	}
	var definitions apiextensionsv1.CustomResourceDefinitionList
	t.must(order.cluster.List(t.Context(), &definitions))
	manifests, err := t.ArgoCD.Manifests(t.Context(), "main", t.application(app))
	t.must(err)
	return !slices.ContainsFunc(unknown, func(u unknownKind) bool {
		return !u.served(definitions.Items) || order.waves != "off" && !definedEarlier(manifests, u.GroupKind)
	})
}

// unknownKind is a kind that Argo CD's kubectl did not find, and when, to the second.
type unknownKind struct {
	schema.GroupKind
	at time.Time
}

// unknownKinds are those that a log tells of for an Application; only says that nothing else could not be applied.
func unknownKinds(log, app string) (unknown []unknownKind, only bool) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `msg="Apply failed"`) || !strings.Contains(line, " application=argocd/"+app+" ") {
			continue
		}
		at, kind := loggedAt.FindStringSubmatch(line), noKind.FindStringSubmatch(line)
		if at == nil || kind == nil {
			return nil, false
		}
		then, err := time.Parse(time.RFC3339, at[1])
		if err != nil {
			return nil, false
		}
		unknown = append(unknown, unknownKind{GroupKind: schema.GroupKind{Group: kind[2], Kind: kind[1]}, at: then})
	}
	return unknown, true
}

// served tells whether the API server had served a kind for longer than the delay of a wave. It serves one that is defined only
// when the definition is established, which on a busy machine takes its time.
func (u unknownKind) served(definitions []apiextensionsv1.CustomResourceDefinition) bool {
	for _, definition := range definitions {
		if definition.Spec.Group != u.Group || definition.Spec.Names.Kind != u.Kind {
			continue
		}
		for _, condition := range definition.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return u.at.Sub(condition.LastTransitionTime.Time) >= waveDelay // both are of whole seconds
			}
		}
	}
	return false
}

// definedEarlier tells whether the definition of a kind is in an earlier wave than all objects of it. A definition that is
// elsewhere is earlier.
func definedEarlier(manifests []*unstructured.Unstructured, kind schema.GroupKind) bool {
	for _, definition := range manifests {
		if !defines(definition, kind) {
			continue
		}
		for _, object := range manifests {
			if object.GroupVersionKind().GroupKind() == kind && syncwaves.Wave(object) <= syncwaves.Wave(definition) {
				return false
			}
		}
	}
	return true
}

// defines tells whether an object is the definition of a kind.
func defines(object *unstructured.Unstructured, kind schema.GroupKind) bool {
	group, _, _ := unstructured.NestedString(object.Object, "spec", "group")
	name, _, _ := unstructured.NestedString(object.Object, "spec", "names", "kind")
	return object.GetKind() == "CustomResourceDefinition" && group == kind.Group && name == kind.Kind
}

// A wave that is wrong is taken for a machine that is busy if this fails.
func TestOnlyWhatDiscoveryMissedIsForgiven(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	kind := schema.GroupKind{Group: "example.com", Kind: "Widget"}
	definition := func(established apiextensionsv1.ConditionStatus, after time.Duration) []apiextensionsv1.CustomResourceDefinition {
		var out apiextensionsv1.CustomResourceDefinition
		out.CreationTimestamp = metav1.NewTime(begin)
		out.Spec.Group, out.Spec.Names.Kind = kind.Group, kind.Kind
		out.Status.Conditions = []apiextensionsv1.CustomResourceDefinitionCondition{
			{Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue, LastTransitionTime: metav1.NewTime(begin)},
			{Type: apiextensionsv1.Established, Status: established, LastTransitionTime: metav1.NewTime(begin.Add(after))},
		}
		return []apiextensionsv1.CustomResourceDefinition{out}
	}
	for _, c := range []struct {
		name        string
		definitions []apiextensionsv1.CustomResourceDefinition
		want        bool
	}{
		{"served for long", definition(apiextensionsv1.ConditionTrue, time.Second), true},
		{"defined for long, served just before", definition(apiextensionsv1.ConditionTrue, 9*time.Second), false},
		{"defined for long, served just afterwards", definition(apiextensionsv1.ConditionTrue, 11*time.Second), false},
		{"not served yet", definition(apiextensionsv1.ConditionFalse, 0), false},
		{"not defined", nil, false},
	} {
		log := "time=\"2026-01-01T00:00:10Z\" level=info msg=\"Apply failed\" application=argocd/a-planned message=\"no matches for kind \\\"Widget\\\" in version \\\"example.com/v1\\\"\"\n"
		unknown, only := unknownKinds(log+strings.ReplaceAll(log, "a-planned", "b-planned"), "a-planned")
		if !only || len(unknown) != 1 || unknown[0].GroupKind != kind {
			t.Fatalf("the log tells of %v", unknown)
		}
		if got := unknown[0].served(c.definitions); got != c.want {
			t.Errorf("%s: forgiven: %v", c.name, got)
		}
	}
	if _, only := unknownKinds("time=\"2026-01-01T00:00:10Z\" msg=\"Apply failed\" application=argocd/a-planned message=refused\n", "a-planned"); only {
		t.Error("what was refused for another reason is forgiven")
	}
}

func TestADefinitionInTheWaveOfItsObjectsIsNotForgiven(t *testing.T) {
	kind := schema.GroupKind{Group: "example.com", Kind: "Widget"}
	defined := func(wave string) *unstructured.Unstructured {
		out := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"spec": map[string]any{"group": kind.Group, "names": map[string]any{"kind": kind.Kind}},
		}}
		out.SetAnnotations(map[string]string{"argocd.argoproj.io/sync-wave": wave})
		return out
	}
	widget := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Widget"}}
	for _, c := range []struct {
		name      string
		manifests []*unstructured.Unstructured
		want      bool
	}{
		{"earlier", []*unstructured.Unstructured{widget, defined("-1")}, true},
		{"at the same time", []*unstructured.Unstructured{defined("0"), widget}, false},
		{"later", []*unstructured.Unstructured{widget, defined("1")}, false},
		{"elsewhere", []*unstructured.Unstructured{widget}, true},
	} {
		if got := definedEarlier(c.manifests, kind); got != c.want {
			t.Errorf("%s: forgiven: %v", c.name, got)
		}
	}
}
