package render_test

import (
	"context"

	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tidegate/tidegate/plugin/render"
)

// small are limits that let a fuzzer try thousands of trees; what is beyond them would go to a child.
var small = render.Limits{FileBytes: 1 << 14, TotalBytes: 1 << 16, Builds: 20, AliasNodes: 1000, Objects: 50, Lookups: 500, Changes: 1000}

// try renders in this process alone: it must neither panic nor say more than users may see.
func try(t *testing.T, tree render.Tree) {
	t.Helper()
	_, err := render.NewInProcess().Render(context.Background(), render.Request{Tree: tree, Dir: ".", Limits: small})
	if err == nil {
		return
	}
	for _, file := range tree.(memory).MapFS {
		if strings.Contains(string(file.Data), "@") {
			return // the text itself may say so
		}
	}
	wantPresentable(t, err)
	if strings.Contains(err.Error(), "dial ") {
		t.Errorf("something was dialled: %v", err)
	}
}

func FuzzKustomization(f *testing.F) {
	for _, seed := range []string{
		"", "resources: [a.yaml]", "Resources: [a.yaml, b]\nnamePrefix: x", "components: [c.yaml]", "components: [c.yaml, .]\nresources: [c.yaml]", "- a", "a: &x [*x]",
		"resources: ['https://example.com/a', '../x', /etc/passwd]", "patches: [{patch: '[{\"op\": \"copy\", \"from\": \"\", \"path\": \"/a\"}]', target: {}}]",
		"generators: [a.yaml, '{apiVersion: builtin, kind: X}']", "openapi: {path: a.yaml}", "images: [{name: '('}]", "\ufeffkind: Component", "buildMetadata: [originAnnotations]\ncomponents: [c.yaml]\nresources: [a.yaml]",
		"replacements: [{source: {kind: ConfigMap}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a]}]}]", "vars: [{name: A, objref: {kind: ConfigMap, name: settings, apiVersion: v1}}]\nresources: [a.yaml]",
		"resources: [e.yaml]\nconfigMapGenerator: [{name: settings, behavior: merge, literals: [a=b]}]", "resources: [a.yaml]\ncrds: [crds.json]", "configurations: [a.yaml]\nlabels: [{pairs: {a: b}, fields: [{path: a/b, create: true}]}]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, kustomization string) {
		try(t, files(map[string]string{"kustomization.yaml": kustomization, "a.yaml": configMap, "b/kustomization.yaml": "resources: [d.yaml]", "b/d.yaml": deployment, "c.yaml": imageTag,
			"e.yaml": emptyKey + "data: {\"\": x}\n", "crds.json": followed}))
	})
}

func FuzzComponent(f *testing.F) {
	for _, seed := range []string{
		"", imageTag, "kind: Component\nnamePrefix: x", "Kind: Kustomization\nkind: Component", "kind: [a]", "kind: {}\napiVersion: 1", "- a", "components: [c.yaml]", "resources: [a.yaml, .]",
		"patches: [{path: a.yaml}]", "configMapGenerator: [{name: a, files: [kustomization.yaml, c.yaml]}]", "a: &x [*x]", "replicas: [{name: a, count: 9007199254740993}]", "resources: ['']",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, component string) {
		try(t, files(map[string]string{"kustomization.yaml": "resources: [d.yaml]\ncomponents: [c.yaml]\nbuildMetadata: [originAnnotations, transformerAnnotations]", "a.yaml": configMap, "d.yaml": deployment, "c.yaml": component}))
	})
}

// FuzzResolve makes trees of links: every line is NAME=TARGET. What is read must be the file at its own place.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"a=b", "a=a", "a=b\nb=a", "a=../x", "a=/etc/passwd", "a=d/..", "a=d/../../x", "d/e=..\na=d/e/d/e/f", "a=.\nb=a/a/a/f", "a=d//f", "a=", "a=f/..", "a=d/./f/"} {
		f.Add(seed, "a")
	}
	f.Add("x=d\ny=x/../f", "x/../y")
	f.Add("", "/./y")
	f.Fuzz(func(t *testing.T, links, name string) {
		tree := files(map[string]string{"f": "f", "d/f": "d/f"})
		for line := range strings.Lines(links) {
			from, to, _ := strings.Cut(strings.TrimSpace(line), "=")
			if from = path.Clean(from); fs.ValidPath(from) && from != "." && tree.MapFS[from] == nil {
				tree.MapFS[from] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink}
			}
		}
		content, err := render.ReadFile(guarded{tree, t}, name)
		if err == nil && string(content) != "f" && string(content) != "d/f" {
			t.Errorf("read %q", content)
		}
	})
}

// guarded fails when a path outside the tree, or one through a link, is asked for.
type guarded struct {
	memory
	t *testing.T
}

func (g guarded) check(name string) {
	if name != path.Clean(name) || path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
		g.t.Errorf("asked for %q", name)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if file := g.MapFS[dir]; file != nil && file.Mode&fs.ModeSymlink != 0 {
			g.t.Errorf("asked for %q, through the link %q", name, dir)
		}
	}
}

func (g guarded) Lstat(name string) (fs.FileInfo, error) {
	g.check(name)
	return g.memory.Lstat(name)
}

func (g guarded) ReadFile(name string) ([]byte, error) {
	g.check(name)
	return g.memory.ReadFile(name)
}
