package render_test

import (
	"context"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// BenchmarkRender compares with kustomize's own Run and AsYaml on the same folder, with the same schema loaded.
func BenchmarkRender(b *testing.B) {
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 80}], selector: {app: api}}\n"
	account := "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: api}\n"
	overlays := map[string]map[string]string{
		"json-patch": {"o/p.yaml": "- {op: add, path: /spec/replicas, value: 3}\n",
			"o/kustomization.yaml": "resources: [../base]\nnamespace: a\npatches: [{path: p.yaml, target: {kind: Deployment}}]\nimages: [{name: ghcr.io/myorg/api, newTag: x}]\n"},
		"merge-patch": {"o/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [{name: api, resources: {limits: {cpu: 1}}}]}}}\n",
			"o/kustomization.yaml": "resources: [../base]\nnamespace: a\npatches: [{path: p.yaml}]\nimages: [{name: ghcr.io/myorg/api, newTag: x}]\n"},
	}
	renderer := render.NewInProcess()
	for name, overlay := range overlays {
		dir := b.TempDir()
		for _, content := range []map[string]string{overlay, {"base/kustomization.yaml": "resources: [d.yaml, s.yaml, a.yaml, c.yaml]\n", "base/d.yaml": deployment, "base/s.yaml": service, "base/a.yaml": account, "base/c.yaml": configMap}} {
			for file, text := range content {
				if err := filesys.MakeFsOnDisk().MkdirAll(dir + "/o"); err != nil {
					b.Fatal(err)
				}
				if err := filesys.MakeFsOnDisk().MkdirAll(dir + "/base"); err != nil {
					b.Fatal(err)
				}
				if err := filesys.MakeFsOnDisk().WriteFile(dir+"/"+file, []byte(text)); err != nil {
					b.Fatal(err)
				}
			}
		}
		tree, err := render.OpenDisk(dir)
		if err != nil {
			b.Fatal(err)
		}
		defer tree.Close()
		b.Run(name+"/tidegate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				result, err := renderer.Render(context.Background(), render.Request{Tree: tree, Dir: "o"})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := manifest.YAML(result.Objects); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/krusty", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				options := krusty.MakeDefaultOptions()
				options.Reorder = krusty.ReorderOptionUnspecified
				resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir+"/o")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := resources.AsYaml(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
