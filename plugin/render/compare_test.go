package render

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
)

// mergePatches are strategic merge patches with a target.
func mergePatches(n int) string {
	return "patches:\n" + strings.Repeat("- target: {kind: ConfigMap, name: b1}\n  patch: |-\n    apiVersion: v1\n    kind: ConfigMap\n"+
		"    metadata: {name: x}\n    data: {c: d}\n", n)
}

// nested are folders of which each names the next; the last has the objects.
func nested(levels, objects int, each string) map[string]string {
	files := map[string]string{}
	dir := ""
	for range levels {
		files[dir+"kustomization.yaml"] = "resources: [b]\n" + each
		dir += "b/"
	}
	files[dir+"kustomization.yaml"] = "resources: [a.yaml]\n"
	files[dir+"a.yaml"] = manySettings(objects)
	return files
}

// sideBySide are bases of as many objects each, with names of their own, and an overlay of them all.
func sideBySide(bases, objects int, overlay string) map[string]string {
	files := map[string]string{"kustomization.yaml": "resources:\n" + numbered(bases, "- b%d\n") + overlay}
	for i := range bases {
		files[fmt.Sprintf("b%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [a.yaml]\nnamePrefix: x%d-\n", i)
		files[fmt.Sprintf("b%d/a.yaml", i)] = manySettings(objects)
	}
	return files
}

// withComponents are objects of a kustomization that lists components.
func withComponents(objects, components int, kind string) map[string]string {
	files := map[string]string{
		"a.yaml": manySettings(objects), "kustomization.yaml": "resources: [a.yaml]\ncomponents:\n" + numbered(components, "- c%d\n"),
	}
	for i := range components {
		files[fmt.Sprintf("c%d/kustomization.yaml", i)] = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: " + kind + "\nimages: [{name: x, newTag: z}]\n"
	}
	return files
}

// inlinePatches are strategic merge patches without a target, in the kustomization.
func inlinePatches(n int) string {
	return "patchesStrategicMerge:\n" + strings.Repeat("- |-\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b1}\n  data: {c: d}\n", n)
}

// labelTransformers are documents of a file, each a transformer.
func labelTransformers(n int) string {
	return numbered(n, "---\napiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x%d}\n")
}

// generators make a ConfigMap each.
func generators(n int) string {
	return "configMapGenerator:\n" + numbered(n, "- {name: g%d, literals: [a=b]}\n")
}

// inlineGenerators make a ConfigMap each, and are documents of one text.
func inlineGenerators(n int) string {
	return "generators:\n- |\n" + numbered(n, "  ---\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: g%d}\n  literals: [a=b]\n")
}

// overlaysOf are overlays that all name one base.
func overlaysOf(overlays int, base string) map[string]string {
	files := map[string]string{"b/kustomization.yaml": base, "kustomization.yaml": "resources:\n" + numbered(overlays, "- o%d\n")}
	for i := range overlays {
		files[fmt.Sprintf("o%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../b]\nnamePrefix: o%d-\n", i)
	}
	return files
}

// closedEarly are a kustomization with many patches between the one that is rendered, which names files inside, and one
// whose generator reads them before the objects to patch are read.
func closedEarly(outer, inner string, more map[string]string) map[string]string {
	files := map[string]string{
		"kustomization.yaml":           "resources: [mid]\n" + outer,
		"mid/kustomization.yaml":       "resources: [inner, many.yaml]\n" + mergePatches(60),
		"mid/many.yaml":                manySettings(500),
		"mid/inner/kustomization.yaml": inner,
		"mid/inner/x.txt":              "x",
	}
	maps.Copy(files, more)
	return files
}

const asAComponent = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"

func treeOf(files map[string]string) wide {
	tree := wide{fstest.MapFS{}}
	for name, content := range files {
		tree.MapFS[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return tree
}

// mustBeTooMuch fails the test unless a render is handed to a child, for a reason that ends so.
func mustBeTooMuch(t *testing.T, files map[string]string, reason string) {
	t.Helper()
	_, err := NewInProcess().Render(t.Context(), Request{Tree: treeOf(files), Dir: "."})
	var unbounded *unboundedError
	if !errors.As(err, &unbounded) || !strings.HasSuffix(unbounded.reason, reason) {
		t.Errorf("got %v, want it handed to a child", err)
	}
}

// TestWhatIsComparedTooOftenIsNotRenderedHere: the square of the objects is taken again and again.
func TestWhatIsComparedTooOftenIsNotRenderedHere(t *testing.T) {
	componentFiles := map[string]string{
		"a.yaml": manySettings(1000), "kustomization.yaml": "resources: [a.yaml]\ncomponents:\n" + numbered(20, "- c%d.yaml\n"),
	}
	for i := range 20 {
		componentFiles[fmt.Sprintf("c%d.yaml", i)] = "images: [{name: x, newTag: z}]\n"
	}
	for name, files := range map[string]map[string]string{
		"bases in bases":              nested(20, 1000, ""),
		"bases in bases, with prefix": nested(20, 1000, "namePrefix: a-\n"),
		"namespaces":                  nested(5, 1000, "namespace: a\n"),
		"patches with a target":       {"kustomization.yaml": "resources: [a.yaml]\n" + mergePatches(60), "a.yaml": manySettings(500)},
		"patches of a component": {"kustomization.yaml": "resources: [a.yaml]\ncomponents: [c]\n", "a.yaml": manySettings(500),
			"c/kustomization.yaml": asAComponent + mergePatches(60)},
		"components":      withComponents(1000, 20, "Component"),
		"component files": componentFiles,
		"validators": {"kustomization.yaml": "resources: [a.yaml]\nvalidators: [" + strings.Repeat("v.yaml, ", 20) + "]\n", "a.yaml": manySettings(1000),
			"v.yaml": "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\n"},
		"patches without a target": {"kustomization.yaml": "resources: [a.yaml]\n" + inlinePatches(60), "a.yaml": manySettings(500)},
		"patches of a file": {"kustomization.yaml": "resources: [a.yaml]\npatchesStrategicMerge: [p.yaml]\n", "a.yaml": manySettings(500),
			"p.yaml": strings.Repeat("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b1}\ndata: {c: d}\n", 60)},
		"patches of a list": {"kustomization.yaml": "resources: [a.yaml]\npatchesStrategicMerge: [p.yaml]\n", "a.yaml": manySettings(500),
			"p.yaml": "apiVersion: v1\nkind: ConfigMapList\nitems:\n- &a {apiVersion: v1, kind: ConfigMap, metadata: {name: b1}}\n" + strings.Repeat("- *a\n", 60)},
		"transformers of a file": {"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n", "a.yaml": manySettings(500), "t.yaml": labelTransformers(30)},
		"validators of a file":   {"kustomization.yaml": "resources: [a.yaml]\nvalidators: [t.yaml]\n", "a.yaml": manySettings(500), "t.yaml": labelTransformers(30)},
		"a component of a base and of its overlay": {"kustomization.yaml": "resources: [a.yaml, b]\ncomponents: [c]\n", "a.yaml": manySettings(500),
			"b/kustomization.yaml": "resources: [b.yaml]\ncomponents: [../c]\n", "b/b.yaml": strings.ReplaceAll(manySettings(2), "name: b", "name: other-b"),
			"c/kustomization.yaml": asAComponent + strings.ReplaceAll(mergePatches(60), "name: b1", "name: .*b1")},
		"a kustomization named as a file": closedEarly("configMapGenerator: [{name: c, files: [mid/inner/kustomization.yaml]}]\n", "namePrefix: a-\nresources: [x.yaml]\n",
			map[string]string{"mid/inner/x.yaml": strings.ReplaceAll(manySettings(2), "name: b", "name: other-b")}),
		"a file that an inner generator reads": closedEarly("configMapGenerator: [{name: c, files: [mid/inner/x.txt]}]\n", "generators: [g.yaml]\n",
			map[string]string{"mid/inner/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [x.txt]\n"}),
		"a kustomization that an inner generator reads": closedEarly("components: [mid/inner/y]\n", "configMapGenerator: [{name: g, files: [y/kustomization.yaml]}]\n",
			map[string]string{"mid/inner/y/kustomization.yaml": asAComponent + "images: [{name: x, newTag: z}]\n"}),
	} {
		t.Run(name, func(t *testing.T) {
			mustBeTooMuch(t, files, " its objects are compared with each other more than 12000000 times")
		})
	}
}

// TestComparisonsAreThoseOfAKustomizationsOwnObjects keeps in this process what is large only together: each base's patches
// and components see its own objects.
func TestComparisonsAreThoseOfAKustomizationsOwnObjects(t *testing.T) {
	diamond := map[string]string{"kustomization.yaml": "resources: [x, w]\n", "b/kustomization.yaml": "resources: [a.yaml]\n", "b/a.yaml": manySettings(8),
		"x/kustomization.yaml": "resources: [../b]\nnamePrefix: x-\n", "w/kustomization.yaml": "resources: [../b]\nnamePrefix: w-\n"}
	patched := sideBySide(3, 8, "")
	patched["b1/kustomization.yaml"] += mergePatches(100)
	patched["kustomization.yaml"] = strings.Replace(patched["kustomization.yaml"], "- b2", "- more.yaml\n- b2", 1)
	patched["more.yaml"] = strings.ReplaceAll(manySettings(50), "name: b", "name: more")
	jsonPatches := map[string]string{"a.yaml": manySettings(8), "kustomization.yaml": "resources: [a.yaml]\npatches:\n" +
		strings.Repeat("- target: {kind: ConfigMap}\n  patch: |-\n    - {op: add, path: /data/c, value: d}\n", 30)}
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		// A kustomization counts as an object of the one that names it.
		{"alone", nested(0, 8, ""), 8 * 8},
		{"two levels", nested(2, 8, ""), 10*10 + 9*9 + 8*8},
		{"side by side", sideBySide(3, 8, ""), 27*27 + 3*8*8},
		{"side by side, one with patches, and a file between", patched, 77*77 + 2*8*8 + 101*8*8},
		{"a base of two", diamond, 20*20 + 2*(9*9+8*8)},
		{"patches that do not merge", jsonPatches, 8 * 8},
		{"components", withComponents(8, 2, "Component"), 3 * 10 * 10},
		{"patches without a target", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n" + inlinePatches(3), "a.yaml": manySettings(8)}, 4 * 8 * 8},
		{"transformers", map[string]string{"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n", "a.yaml": manySettings(8), "t.yaml": labelTransformers(3)}, 7 * 11 * 11},
		{"generators", map[string]string{"kustomization.yaml": generators(8)}, 8 * 8},
		{"inline generators", map[string]string{"kustomization.yaml": inlineGenerators(8)}, 8 * 8},
		{"generators of a base of two", overlaysOf(2, generators(8)), 20*20 + 2*(9*9+8*8)},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFileSystem(t.Context(), Request{Tree: treeOf(test.files), Dir: "."}, NewInProcess())
			if _, err := build(f, "."); err != nil {
				t.Fatal(err)
			}
			if got := f.budget.comparisons.sum(f.budget.objects); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestWhatIsGeneratedAgainIsComparedAgain: a base is built each time that it is named, and its generators with it.
func TestWhatIsGeneratedAgainIsComparedAgain(t *testing.T) {
	for name, base := range map[string]string{"generators": generators(150), "inline generators": inlineGenerators(150)} {
		t.Run(name, func(t *testing.T) {
			mustBeTooMuch(t, overlaysOf(20, base), " it has more than 2000 objects")
		})
	}
}

// TestWhatGrowsWithEachUseOfAComponentIsNotRenderedHere: it works on what it has changed before.
func TestWhatGrowsWithEachUseOfAComponentIsNotRenderedHere(t *testing.T) {
	files := map[string]string{"a.yaml": manySettings(5), "kustomization.yaml": "resources: [a.yaml]\ncomponents: [" + strings.Repeat("c, ", 10) + "]\n",
		"c/kustomization.yaml": asAComponent + "patches:\n- target: {kind: ConfigMap}\n  patch: |-\n" +
			"    - {op: copy, from: /data, path: /data/x}\n    - {op: copy, from: /data/x, path: /data/y}\n"}
	mustBeTooMuch(t, files, " its JSON patches copy more than 8 times")
}

// TestObjectsWithoutItemsAreCounted: only what kustomize takes for a list may be none.
func TestObjectsWithoutItemsAreCounted(t *testing.T) {
	content := strings.Repeat("---\napiVersion: v1\nkind: \"\\x41\"\nmetadata: {name: b}\nitems: []\n", 20)
	if got := objectBound([]byte(content), 10); got < 20 {
		t.Errorf("got %d, want 20", got)
	}
}

func TestLargeHonestOverlaysAreRenderedHere(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"many bases, and patches with targets": sideBySide(50, 8, "namespace: a\n"+strings.ReplaceAll(mergePatches(40), "b1", "x1-b1")),
		"many small bases":                     sideBySide(200, 3, "namespace: a\n"),
		"patches without a target":             {"kustomization.yaml": "resources: [a.yaml]\n" + inlinePatches(40), "a.yaml": manySettings(400)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewInProcess().Render(t.Context(), Request{Tree: treeOf(files), Dir: "."}); err != nil {
				t.Error(err)
			}
		})
	}
	if got := 2 * DefaultLimits().Objects * DefaultLimits().Objects; got > DefaultLimits().Comparisons {
		t.Errorf("as many objects as may be, in one base, take %d comparisons", got)
	}
}
