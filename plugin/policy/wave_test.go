package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

// The wave that a warning names is held against the wave that Argo CD's own code reads.
func TestAWaveThatArgoCDDropsIsWarnedOf(t *testing.T) {
	const wave, weight = "argocd.argoproj.io/sync-wave", "helm.sh/hook-weight"
	for _, test := range []struct {
		name        string
		annotations map[string]any
		want        []string
	}{
		{"no annotation", map[string]any{"a": "b"}, nil},
		{"positive", map[string]any{wave: "5"}, nil},
		{"negative", map[string]any{wave: "-5"}, nil},
		{"with a plus", map[string]any{wave: "+5"}, nil},
		{"word", map[string]any{wave: "first"}, []string{wave}},
		{"empty", map[string]any{wave: ""}, []string{wave}},
		{"blank around", map[string]any{wave: " 5"}, []string{wave}},
		{"fraction", map[string]any{wave: "1.5"}, []string{wave}},
		{"hexadecimal", map[string]any{wave: "0x10"}, []string{wave}},
		{"too large", map[string]any{wave: "99999999999999999999"}, []string{wave}},
		{"not quoted", map[string]any{wave: int64(5)}, []string{wave}},
		{"null", map[string]any{wave: nil}, []string{wave}},
		{"weight", map[string]any{weight: "3"}, nil},
		{"bad weight", map[string]any{weight: "x"}, []string{weight}},
		{"bad wave, good weight", map[string]any{wave: "x", weight: "3"}, []string{wave}},
		{"bad wave, unquoted weight", map[string]any{wave: "x", weight: int64(3)}, []string{wave, weight}},
		{"unquoted wave, good weight", map[string]any{wave: int64(1), weight: "3"}, []string{wave}},
		{"both bad", map[string]any{wave: "x", weight: "y"}, []string{wave, weight}},
		{"good wave, bad weight that is never read", map[string]any{wave: "1", weight: "y"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := manifest.Object{
				"apiVersion": "v1", "kind": "ConfigMap",
				"metadata": map[string]any{"name": "c", "annotations": test.annotations},
			}
			var got []string
			reads := fmt.Sprintf("silently reads wave %d; ", syncwaves.Wave(&unstructured.Unstructured{Object: object}))
			for _, finding := range policy.Check([]manifest.Object{object}, policy.Options{}) {
				got = append(got, strings.TrimSuffix(strings.TrimPrefix(finding.Field, `metadata.annotations["`), `"]`))
				if finding.Severity != policy.Warning || !strings.Contains(finding.Message, reads) {
					t.Errorf("got %s, want it to say %q", finding, reads)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
