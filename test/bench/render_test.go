// Package bench measures rendering in one process, beside kustomize as a library. Both sides use the schema of
// plugin/render/schema, since a process has one; what kustomize's own costs shows in test/bench/processes.
package bench

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/test/bench/overlay"
)

// BenchmarkRender goes from files on the disk to the stream.
func BenchmarkRender(b *testing.B) {
	renderer := render.NewInProcess()
	dir := b.TempDir()
	tree, err := render.OpenDisk(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer tree.Close()
	for _, o := range overlay.All {
		path := write(b, o, dir)
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(o.Name+"/tidegate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				result, err := renderer.Render(b.Context(), render.Request{Tree: tree, Dir: filepath.ToSlash(relative)})
				if err != nil {
					b.Fatal(err)
				}
				stream(b)(manifest.YAML(result.Objects))
			}
		})
		b.Run(o.Name+"/kustomize", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stream(b)(build(b, path).AsYaml())
			}
		})
	}
}

// BenchmarkEncode goes from kustomize's resources to the stream, and from objects to the stream.
func BenchmarkEncode(b *testing.B) {
	dir := b.TempDir()
	for _, o := range overlay.All {
		resources := build(b, write(b, o, dir))
		objects := convert(b, resources)
		bytes := int64(len(stream(b)(manifest.YAML(objects))))
		for _, side := range []struct {
			name string
			do   func() ([]byte, error)
		}{
			{"tidegate", func() ([]byte, error) { return manifest.YAML(convert(b, resources)) }},
			{"tidegate-objects", func() ([]byte, error) { return manifest.YAML(objects) }},
			{"kustomize", resources.AsYaml},
		} {
			b.Run(o.Name+"/"+side.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(bytes)
				for b.Loop() {
					stream(b)(side.do())
				}
			})
		}
	}
}

func TestBothSidesWriteTheSame(t *testing.T) {
	dir := t.TempDir()
	for _, o := range overlay.All {
		resources := build(t, write(t, o, dir))
		want, got := stream(t)(resources.AsYaml()), stream(t)(manifest.YAML(convert(t, resources)))
		if string(got) != string(want) {
			t.Errorf("%s: the streams differ", o.Name)
		}
	}
}

func write(tb testing.TB, o overlay.Overlay, dir string) string {
	path, err := o.Write(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		tb.Fatal(err)
	}
	return path
}

// build runs kustomize as `kustomize build` does.
func build(tb testing.TB, path string) resmap.ResMap {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), path)
	if err != nil {
		tb.Fatal(err)
	}
	return resources
}

func convert(tb testing.TB, resources resmap.ResMap) []manifest.Object {
	objects := make([]manifest.Object, 0, resources.Size())
	for _, resource := range resources.Resources() {
		object, err := manifest.FromNode(resource.YNode())
		if err != nil {
			tb.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

func stream(tb testing.TB) func([]byte, error) []byte {
	return func(stream []byte, err error) []byte {
		if err != nil {
			tb.Fatal(err)
		}
		if len(stream) == 0 {
			tb.Fatal("nothing was rendered")
		}
		return stream
	}
}
