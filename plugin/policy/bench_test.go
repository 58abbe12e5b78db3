package policy_test

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := make([]manifest.Object, n)
			for i := range in {
				in[i] = manifest.Object{
					"apiVersion": "apps/v1", "kind": "Deployment",
					"metadata": map[string]any{"name": fmt.Sprint("app-", i), "annotations": map[string]any{"argocd.argoproj.io/sync-wave": "5"}},
					"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
						"containers": []any{map[string]any{"name": "app", "image": "ghcr.io/myorg/app:sha-a1b2c3d"}},
					}}},
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if findings := policy.Check(in, policy.Options{}); len(findings) > 0 {
					b.Fatal(findings)
				}
			}
		})
	}
}
