package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

// found writes findings as the tables of these tests do: severity check ID field.
func found(findings policy.Findings) []string {
	out := []string{}
	for _, f := range findings {
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", f.Severity, f.Check, f.ID, f.Field)), " "))
	}
	return out
}

const mixed = `
apiVersion: v1
kind: Secret
metadata: {name: s, annotations: {argocd.argoproj.io/sync-wave: x}}
data: {a: YQ==}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{image: a}]}`

func TestTheLevelDecidesWhatFails(t *testing.T) {
	for _, test := range []struct {
		name string
		opts policy.Options
		want []string
	}{
		{"off looks at nothing", policy.Options{Level: policy.Off, FloatingImages: policy.Error}, []string{}},
		{"warn fails nothing", policy.Options{Level: policy.Warn, FloatingImages: policy.Error}, []string{
			"warning plain-secret Secret s data",
			"warning floating-image Pod p spec.containers[0].image",
			`warning bad-sync-wave Secret s metadata.annotations["argocd.argoproj.io/sync-wave"]`,
		}},
		{"enforce", policy.Options{Level: policy.Enforce}, []string{
			"error plain-secret Secret s data",
			"warning floating-image Pod p spec.containers[0].image",
			`warning bad-sync-wave Secret s metadata.annotations["argocd.argoproj.io/sync-wave"]`,
		}},
		{"enforce where floating images are refused", policy.Options{Level: policy.Enforce, FloatingImages: policy.Error}, []string{
			"error plain-secret Secret s data",
			"error floating-image Pod p spec.containers[0].image",
			`warning bad-sync-wave Secret s metadata.annotations["argocd.argoproj.io/sync-wave"]`,
		}},
		{"a level that nobody set enforces", policy.Options{}, []string{
			"error plain-secret Secret s data",
			"warning floating-image Pod p spec.containers[0].image",
			`warning bad-sync-wave Secret s metadata.annotations["argocd.argoproj.io/sync-wave"]`,
		}},
		{"a level that is none enforces", policy.Options{Level: "of"}, []string{
			"error plain-secret Secret s data",
			"warning floating-image Pod p spec.containers[0].image",
			`warning bad-sync-wave Secret s metadata.annotations["argocd.argoproj.io/sync-wave"]`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, found(policy.Check(objects(t, mixed), test.opts))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsComeFirstEvenIfTheirCheckRunsLater(t *testing.T) {
	in := objects(t, `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{image: a}]}
---
kind: ConfigMap`)
	want := []string{"error nameless-object ConfigMap", "warning floating-image Pod p spec.containers[0].image"}
	findings := policy.Check(in, policy.Options{})
	if diff := cmp.Diff(want, found(findings)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, append(found(findings.Errors()), found(findings.Warnings())...)); diff != "" {
		t.Error(diff)
	}
}

func TestAListHidesNothing(t *testing.T) {
	const secret = "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: YQ==}}"
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"List", "{apiVersion: v1, kind: List, items: [" + secret + "]}", []string{"error plain-secret Secret s data"}},
		{
			"any kind with items, which Argo CD unfolds", "{apiVersion: x/v1, kind: Bundle, metadata: {name: b}, items: [" + secret + "]}",
			[]string{"error plain-secret Secret s data"},
		},
		{
			"among others, in their order",
			"{kind: A, apiVersion: v1}\n---\n{kind: List, items: [{kind: B, apiVersion: v1}, 7]}\n---\n{kind: C, apiVersion: v1}",
			[]string{"error nameless-object A", "error nameless-object B", "error nameless-object", "error nameless-object C"},
		},
		{"a list of nothing is an empty result", "{kind: ConfigMapList, items: []}", []string{"error empty-result"}},
		{"a null list is an empty result", "{kind: ConfigMapList, items: null}", []string{"error empty-result"}},
		{"null items of what has a spec are none of a list", "{apiVersion: x/v1, kind: X, metadata: {name: x}, items: null, spec: {}}", []string{}},
		{"the same object inside and outside", "{kind: List, items: [{apiVersion: v1, kind: A, metadata: {name: a}}]}\n---\n{apiVersion: v1, kind: A, metadata: {name: a}}", []string{"error duplicate-object A a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := objects(t, test.in)
			length := len(in)
			if diff := cmp.Diff(test.want, found(policy.Check(in, policy.Options{}))); diff != "" {
				t.Error(diff)
			}
			if len(in) != length {
				t.Error("the caller's slice changed")
			}
		})
	}
}

func TestNothingAtAllIsRefused(t *testing.T) {
	for _, in := range [][]manifest.Object{nil, {}} {
		err := policy.Check(in, policy.Options{}).Err()
		const want = "the render holds no object at all; add a resource to the kustomization, or delete the Application if nothing is to be left of it (empty-result)"
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}
