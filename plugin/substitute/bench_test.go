package substitute_test

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/substitute"
)

func deployments(n int, image string) []manifest.Object {
	out := make([]manifest.Object, n)
	for i := range out {
		out[i] = manifest.Object{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{
				"name": fmt.Sprint("app-", i), "namespace": "staging",
				"labels": map[string]any{"app": "app", "version": "1.2.3"},
			},
			"spec": map[string]any{
				"replicas": int64(2),
				"template": map[string]any{"spec": map[string]any{
					"serviceAccountName": "app",
					"containers": []any{map[string]any{
						"name": "app", "image": image, "args": []any{"--listen=:8080", "--log-level=info"},
						"env": []any{map[string]any{"name": "A", "value": "$(B) costs $5"}},
					}},
				}},
			},
		}
	}
	return out
}

var values = map[string]string{"TAG": "sha-a1b2c3d", "CLUSTER": "eu1"}

func TestObjectsWithoutVariablesCostNoAllocation(t *testing.T) {
	in := deployments(10, "ghcr.io/myorg/app:1.2.3")
	for _, test := range []struct {
		name string
		run  func()
	}{
		{"Apply", func() {
			if err := substitute.Apply(in, values); err != nil {
				t.Fatal(err)
			}
		}},
		{"Find", func() { substitute.Find(in) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, test.run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("without-variables/%d", n), func(b *testing.B) {
			in := deployments(n, "ghcr.io/myorg/app:1.2.3")
			b.ReportAllocs()
			for b.Loop() {
				if err := substitute.Apply(in, values); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("with-variables/%d", n), func(b *testing.B) {
			in := deployments(n, "")
			b.ReportAllocs()
			for b.Loop() {
				for _, object := range in {
					container := object.Map("spec", "template", "spec")["containers"].([]any)[0].(map[string]any)
					container["image"] = "ghcr.io/myorg/app:${TAG}"
				}
				if err := substitute.Apply(in, values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
