package wave_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/wave"
)

// BenchmarkShare puts planning beside the rendering of the same files, in the same loop: plan-% is what waves cost.
// Ten thousand are left to BenchmarkCompute: kustomize's work is quadratic, and would take minutes for them.
func BenchmarkShare(b *testing.B) {
	renderer := render.NewInProcess()
	for _, count := range []int{10, 100, 1_000} {
		b.Run(fmt.Sprintf("resources=%d", count), func(b *testing.B) {
			tree, err := render.OpenDisk(overlayOf(b, count))
			if err != nil {
				b.Fatal(err)
			}
			defer tree.Close()
			request := plugin.Request{Tree: tree, Dir: "overlay", Settings: plugin.Settings{Waves: wave.Off, Policy: policy.Off}}
			var planning, rendering time.Duration
			for b.Loop() {
				start := time.Now()
				result, err := plugin.Run(b.Context(), renderer, request)
				if err != nil {
					b.Fatal(err)
				}
				rendered := time.Now()
				plan, err := wave.Compute(result.Objects, wave.Options{Namespace: "shop"})
				if err != nil {
					b.Fatal(err)
				}
				plan.Apply(result.Objects)
				planned := time.Now()
				if _, err := manifest.YAML(result.Objects); err != nil {
					b.Fatal(err)
				}
				planning += planned.Sub(rendered)
				rendering += rendered.Sub(start) + time.Since(planned)
			}
			b.ReportMetric(float64(planning.Nanoseconds())/float64(b.N), "plan-ns/op")
			b.ReportMetric(float64(rendering.Nanoseconds())/float64(b.N), "render-ns/op")
			b.ReportMetric(100*float64(planning)/float64(rendering), "plan-%")
		})
	}
}

// overlayOf writes services of ten objects each, a file for each of them, below an overlay.
func overlayOf(b *testing.B, count int) string {
	dir := b.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var resources strings.Builder
	for i := range count / 10 {
		name := fmt.Sprintf("api-%d.yaml", i)
		write("base/"+name, strings.ReplaceAll(service, "NUMBER", fmt.Sprint(i)))
		fmt.Fprintf(&resources, "- %s\n", name)
	}
	write("base/kustomization.yaml", "resources:\n"+resources.String())
	write("overlay/kustomization.yaml", "namespace: shop\nresources: [../base]\nimages: [{name: ghcr.io/myorg/api, newTag: v2}]\n")
	return dir
}
