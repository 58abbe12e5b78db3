package render_test

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/render"
)

// emptyKey is data that kustomize ends its process for when it is to merge something into it.
const emptyKey = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"

// A file of one tenant ends the server of all others if this fails: kustomize calls log.Fatal.
func TestNothingInAFileEndsTheProcess(t *testing.T) {
	for name, data := range map[string]string{"data": `data: {"": x}`, "binaryData": `binaryData: {"": eA==}`} {
		t.Run(name, func(t *testing.T) {
			tree := files(map[string]string{
				"app/kustomization.yaml": "resources: [settings.yaml]\nconfigMapGenerator: [{name: settings, behavior: merge, literals: [a=b]}]\n",
				"app/settings.yaml":      emptyKey + data + "\n",
			})
			for where, renderer := range map[string]render.Renderer{"here": render.NewInProcess(), "in a child": render.Child{}} {
				_, err := renderer.Render(t.Context(), render.Request{Tree: tree, Dir: "app"})
				if err == nil || !strings.HasPrefix(err.Error(), "app/") || !strings.Contains(err.Error(), "wrong node kind") {
					t.Errorf("%s: got %v", where, err)
				}
				if render.IsStopped(err) {
					t.Errorf("%s: the child has ended: %v", where, err)
				}
			}
		})
	}
}

// followed are definitions that kustomize follows for ever.
const followed = `{"a.K": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {}, "x": {"$ref": "a.K"}}}}}`

// A definition that refers to itself takes all memory if this fails, and then the process.
func TestDefinitionsAreFollowedInAChild(t *testing.T) {
	tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\ncrds: [crds.json]\n", "a.yaml": configMap, "crds.json": followed})
	_, err := render.NewInProcess().Render(t.Context(), render.Request{Tree: tree, Dir: "."})
	if !render.IsUnbounded(err) {
		t.Fatalf("got %v", err)
	}
	_, err = render.New().Render(t.Context(), render.Request{Tree: tree, Dir: "."})
	if !render.IsStopped(err) || !strings.Contains(err.Error(), "kustomization.yaml: crds") {
		t.Errorf("got %v", err)
	}
	wantPresentable(t, err)
}

// steps is a path of so many steps.
func steps(n int, separator string) string {
	return strings.TrimSuffix(strings.Repeat("a"+separator, n), separator)
}

// A path takes a recursion for each of its steps, or time that grows with their square.
func TestLongPathsAreNotFollowedHere(t *testing.T) {
	const label = "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\nlabels: {a: b}\nfieldSpecs:\n"
	replacement := func(source, target string) string {
		return "- source: {kind: ConfigMap, fieldPath: " + source + "}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [" + target + "]\n    options: {create: true}\n"
	}
	for name, test := range map[string]func(n int) map[string]string{
		"labels": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "labels: [{pairs: {a: b}, fields: [{path: " + steps(n, "/") + ", create: true}]}]\n"}
		},
		"configurations": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "configurations: [c.yaml]\ncommonLabels: {a: b}\n", "c.yaml": "commonLabels:\n- {create: true, path: " + steps(n, "/") + "}\n"}
		},
		"configurations, escaped": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "configurations: [c.yaml]\ncommonLabels: {a: b}\n",
				"c.yaml": "commonLabels:\n- {create: true, path: \"" + strings.ReplaceAll(steps(n, "/"), "/", `\x2f`) + "\"}\n"}
		},
		"configurations, with spaces": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "configurations: [c.yaml]\ncommonLabels: {a: b}\n", "c.yaml": "commonLabels:\n- {create: true, path: \"" + steps(n, " / ") + "\"}\n"}
		},
		"a transformer": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "transformers: [t.yaml]\n", "t.yaml": label + "- {create: true, path: " + steps(n, "/") + "}\n"}
		},
		"a transformer in the kustomization": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "transformers:\n- |-\n  " + strings.ReplaceAll(label+"- {create: true, path: "+steps(n, "/")+"}", "\n", "\n  ") + "\n"}
		},
		"a replacement's target": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "replacements:\n" + replacement("metadata.name", "data."+steps(n, "."))}
		},
		"a replacement's source": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "replacements:\n" + replacement("data."+steps(n, "."), "metadata.name")}
		},
		"a replacement in a file": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "replacements: [{path: r.yaml}]\n", "r.yaml": replacement("metadata.name", "data."+steps(n, "."))}
		},
		"a variable": func(n int) map[string]string {
			return map[string]string{"kustomization.yaml": "vars: [{name: A, objref: {kind: ConfigMap, name: settings, apiVersion: v1}, fieldref: {fieldpath: data." + steps(n, ".") + "}}]\n"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			long, short := test(1000), test(20)
			for _, tree := range []map[string]string{long, short} {
				tree["kustomization.yaml"] += "resources: [a.yaml]\n"
				tree["a.yaml"] = configMap
			}
			if _, err := render.NewInProcess().Render(t.Context(), render.Request{Tree: files(long), Dir: "."}); !render.IsUnbounded(err) || !strings.Contains(err.Error(), "steps") {
				t.Errorf("a long path: got %v", err)
			}
			if _, err := render.NewInProcess().Render(t.Context(), render.Request{Tree: files(short), Dir: "."}); render.IsUnbounded(err) {
				t.Errorf("a short path: got %v", err)
			}
		})
	}
}

// The name of an image is a pattern, which kustomize compiles for each container.
func TestLongNamesOfImagesAreNotMatchedHere(t *testing.T) {
	tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\nimages: [{name: " + strings.Repeat("a", 2000) + ", newTag: b}]\n", "a.yaml": configMap})
	if _, err := render.NewInProcess().Render(t.Context(), render.Request{Tree: tree, Dir: "."}); !render.IsUnbounded(err) {
		t.Errorf("got %v", err)
	}
}

// What is looked at before kustomize reads it takes the memory of this process, too.
func TestLargeFilesOfRulesAreNotParsedHere(t *testing.T) {
	many := "a: /" + strings.Repeat("/", 300) + "\nb:\n" + strings.Repeat("- a\n", 1<<20)
	for _, kustomization := range []string{"replacements: [{path: many.yaml}]\n", "configurations: [many.yaml]\n", "transformers: [many.yaml]\n"} {
		tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n" + kustomization, "a.yaml": configMap, "many.yaml": many})
		if _, err := render.NewInProcess().Render(t.Context(), render.Request{Tree: tree, Dir: "."}); !render.IsUnbounded(err) || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: got %v", kustomization, err)
		}
	}
}
