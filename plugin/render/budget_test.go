package render_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/render"
)

func aliasBomb(levels int) string {
	var b strings.Builder
	b.WriteString(configMap + "x:\n- &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := range levels {
		fmt.Fprintf(&b, "- &a%d [%s]\n", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	return b.String()
}

// block is a text as a block in YAML.
func block(indent, text string) string {
	return "|-\n" + indent + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+indent)
}

func TestWhatNoParserSurvivesIsRefused(t *testing.T) {
	in := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": text}
	}
	kustomization := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": text, "a.yaml": configMap}
	}
	const expands = "its YAML aliases expand to more than 100000 nodes"
	const deep = "it is nested more than 250 levels deep"
	bomb := aliasBomb(8)
	escaped := strings.NewReplacer("&", `\x26`, "*", `\u002a`, "\n", `\n`).Replace(bomb)
	quotedBrackets := strings.Repeat(`{a: "}", b: `, 300) + "1" + strings.Repeat("}", 300)
	wantRefusals(t, []refusal{
		{"alias bomb", in(bomb), "", "a.yaml:11: " + expands},
		{"alias bomb in a kustomization", kustomization("resources: [a.yaml]\n" + strings.TrimPrefix(bomb, configMap)), "", "kustomization.yaml:8: " + expands},
		{"alias bomb in a component file", map[string]string{"kustomization.yaml": "components: [c.yaml]\n", "c.yaml": strings.TrimPrefix(bomb, configMap)}, "", "c.yaml:7: " + expands},
		{"alias bomb in an inline patch", kustomization("resources: [a.yaml]\npatches:\n- patch: " + block("    ", bomb) + "\n"), "", "kustomization.yaml:3: in the text that begins here, " + expands},
		{"alias bomb in an inline patch, escaped", kustomization("resources: [a.yaml]\npatches:\n- patch: \"" + escaped + "\"\n"), "", "kustomization.yaml:3: in the text that begins here, " + expands},
		{"alias bomb in an inline transformer", kustomization("resources: [a.yaml]\ntransformers:\n- " + block("  ", bomb) + "\n"), "", "kustomization.yaml:3: in the text that begins here, " + expands},
		{"alias bomb in the patch of a transformer file", map[string]string{"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n", "a.yaml": configMap,
			"t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npatch: \"" + escaped + "\"\n"}, "", "t.yaml:4: in the text that begins here, " + expands},
		{"alias bomb after another line break", in(strings.ReplaceAll(bomb, "- &", "-\r  &")), "", "a.yaml:17: " + expands},
		{"a long text that many aliases name", in("a: &x " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*x, ", 1000) + "]\n"), "", "a.yaml:2: " + expands},
		{"a long text that many aliases name, in a kustomization", kustomization("resources: [a.yaml]\nx: &x " + strings.Repeat("x", 128<<10) + "\ny: [" + strings.Repeat("*x, ", 4000) + "]\n"), "", "kustomization.yaml:3: " + expands},
		{"aliases in many documents", in(strings.Repeat("---\na: &x ["+strings.Repeat("x, ", 1000)+"]\nb: ["+strings.Repeat("*x, ", 50)+"]\n", 3)), "", "a.yaml:6: " + expands},
		{"an alias in itself", in("a: &x [*x]\n"), "", "a.yaml:1: " + expands},
		{"an alias in itself, as a map", in("a: &x {b: {c: *x}}\n"), "", "a.yaml:1: " + expands},
		{"a merge key of itself", in("a: &x\n  <<: *x\n"), "", "a.yaml:2: " + expands},
		{"nested list", in(strings.Repeat("[", 300) + strings.Repeat("]", 300)), "", "a.yaml:1: " + deep},
		{"nested map", in("a: " + strings.Repeat("{a: ", 9000) + "1" + strings.Repeat("}", 9000)), "", "a.yaml:1: " + deep},
		{"10,000 deep", in(strings.Repeat("[", 10001) + strings.Repeat("]", 10001)), "", "a.yaml:1: " + deep},
		{"nested JSON", in(strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)), "", "a.yaml:1: " + deep},
		{"nested with closing brackets in quotes", in(quotedBrackets), "", "a.yaml:1: " + deep},
		{"nested in anchors", in(strings.Repeat("&a [", 300) + strings.Repeat("]", 300)), "", "a.yaml:1: " + deep},
		{"nested in tags", in(strings.Repeat("!!seq [", 300) + strings.Repeat("]", 300)), "", "a.yaml:1: " + deep},
		{"nested blocks", in(nestedBlocks(300)), "", "a.yaml:250: " + deep},
		{"nested dashes", in(strings.Repeat("- ", 300) + "a"), "", "a.yaml:1: " + deep},
		{"nested in a kustomization", kustomization("resources: [a.yaml]\nconfigMapGenerator: " + strings.Repeat("[", 300) + strings.Repeat("]", 300)), "", "kustomization.yaml:2: " + deep},
		{"nested in an inline patch", kustomization("resources: [a.yaml]\npatches:\n- patch: \"" + strings.ReplaceAll(nestedBlocks(300), "\n", `\n`) + "\"\n"), "",
			"kustomization.yaml:3: in the text that begins here, " + deep},
	})
}

func nestedBlocks(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestOrdinaryAliasesAndNestingAreNoBomb(t *testing.T) {
	text := configMap + "data:\n  a: &x \"1\"\n  b: *x\n  script: |\n    a && b; ls *; echo \"{[{[\" \\\n      more\n"
	tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": text})
	if got := mustBuild(t, tree, "."); !strings.Contains(got, `b: "1"`) {
		t.Errorf("got\n%s", got)
	}
}

func within(tree render.Tree, limits render.Limits) error {
	_, err := render.New().Render(context.Background(), render.Request{Tree: tree, Dir: ".", Limits: limits})
	return err
}

func TestHardLimitsNameTheFile(t *testing.T) {
	doubling := map[string]string{"kustomization.yaml": "resources: [b0]\n", "b12/kustomization.yaml": "resources: [a.yaml]\n", "b12/a.yaml": configMap}
	for i := range 12 {
		doubling[fmt.Sprintf("b%d/kustomization.yaml", i)] = "resources: [x, z]\n"
		for _, way := range []string{"x", "z"} {
			doubling[fmt.Sprintf("b%d/%s/kustomization.yaml", i, way)] = fmt.Sprintf("resources: [../../b%d]\nnamePrefix: %s-\n", i+1, way)
		}
	}
	two := map[string]string{"kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "a.yaml": configMap, "b.yaml": strings.ReplaceAll(configMap, "settings", "b")}
	for _, test := range []struct {
		name   string
		files  map[string]string
		limits render.Limits
		want   string
	}{
		{"bases that double", doubling, render.Limits{Builds: 100}, "b11/x/kustomization.yaml: more than 100 kustomizations are built; do bases list each other more than once?"},
		{"a large file", two, render.Limits{FileBytes: 40}, "a.yaml has 58 bytes, more than the 40 that a file may have"},
		{"a large kustomization", two, render.Limits{FileBytes: 10}, "kustomization.yaml has 28 bytes, more than the 10 that a file may have"},
		{"many files", two, render.Limits{TotalBytes: 100}, "b.yaml: kustomize has read 137 bytes with this file, more than the 100 that one render may read"},
		{"many documents", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": strings.Repeat("---\n"+configMap, 12)}, render.Limits{Documents: 10}, "a.yaml holds 11 YAML documents, more than the 10 that a file may hold"},
		{"nesting", two, render.Limits{Depth: 1}, "a.yaml:1: it is nested more than 1 levels deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := within(files(test.files), test.limits)
			wantEqual(t, fmt.Sprint(err), test.want)
		})
	}
}

// TestWhatMayBeTooMuchIsRenderedInAChild uses a child that has no time: whatever is rendered in this process succeeds.
func TestWhatMayBeTooMuchIsRenderedInAChild(t *testing.T) {
	list := "apiVersion: v1\nkind: List\nitems:\n"
	for i := range 10 {
		list += fmt.Sprintf("- {apiVersion: v1, kind: ConfigMap, metadata: {name: a%d}}\n", i)
	}
	copies := "- {op: copy, from: /data, path: /a0}\n"
	for i := range 10 {
		copies += fmt.Sprintf("- {op: copy, from: '', path: /a%d}\n", i+1)
	}
	plain := map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": configMap}
	with := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": text}
	}
	for _, test := range []struct {
		name   string
		files  map[string]string
		limits render.Limits
		why    string
	}{
		{"look-ups", plain, render.Limits{Lookups: 3}, "kustomize looked up more than 3 files"},
		{"bytes", plain, render.Limits{Bytes: 30}, "kustomize read more than 30 bytes"},
		{"documents", with(strings.Repeat("---\n"+configMap, 7)), render.Limits{Objects: 5}, "with a.yaml it has more than 5 objects"},
		{"a list", with(list), render.Limits{Objects: 5}, "with a.yaml it has more than 5 objects"},
		{"a list whose kind is spelt in escapes", with(strings.Replace(list, "List", `"Li\x73t"`, 1)), render.Limits{Objects: 5}, "with a.yaml it has more than 5 objects"},
		{"a list whose kind is broken over lines", with(strings.Replace(list, "List", "\"Li\\\n  st\"", 1)), render.Limits{Objects: 5}, "with a.yaml it has more than 5 objects"},
		{"a list in JSON", with(`{"kind": "List", "apiVersion": "v1", "items": [` + strings.TrimSuffix(strings.Repeat(`{"kind": "A"},`, 9), ",") + `]}`), render.Limits{Objects: 5}, "with a.yaml it has more than 5 objects"},
		{"generators", map[string]string{"kustomization.yaml": "configMapGenerator: [{name: a}, {name: b}]\nsecretGenerator: [{name: a}]\n"}, render.Limits{Objects: 2}, "with kustomization.yaml it has more than 2 objects"},
		{"a base read again and again", map[string]string{"kustomization.yaml": "resources: [x, z]\n", "x/kustomization.yaml": "resources: [../b]\nnamePrefix: x-\n", "z/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [a.yaml]\n", "b/a.yaml": configMap}, render.Limits{Objects: 6}, "with b/a.yaml it has more than 6 objects"},
		{"changes", map[string]string{"kustomization.yaml": "resources: [a.yaml]\nimages: [{name: a, newTag: b}, {name: c, newTag: b}]\n", "a.yaml": strings.Repeat("---\n"+configMap, 3)}, render.Limits{Changes: 5}, "with a.yaml it changes 4 objects in 2 ways"},
		{"copies", map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n", "a.yaml": configMap, "p.yaml": copies}, render.Limits{}, "with kustomization.yaml its JSON patches copy more than 8 times"},
		{"copies inline", map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: " + block("    ", copies), "a.yaml": configMap}, render.Limits{}, "with kustomization.yaml its JSON patches copy more than 8 times"},
		{"nodes that aliases add", with(configMap + "data: {}\nx: &x [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\ny: [" + strings.Repeat("*x, ", 10) + "]\n"), render.Limits{AllNodes: 100}, "a.yaml: kustomize has read up to 137 YAML nodes with this file"},
		{"openapi", map[string]string{"kustomization.yaml": "resources: [a.yaml]\nopenapi: {path: s.json}\n", "a.yaml": configMap, "s.json": "{}"}, render.Limits{}, "kustomization.yaml: openapi changes the schema of the whole process"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := render.NewInProcess().Render(context.Background(), render.Request{Tree: files(test.files), Dir: ".", Limits: test.limits})
			wantEqual(t, fmt.Sprintf("%T: %v", err, err), "*render.unboundedError: "+test.why)
		})
	}
}

// TestManyKindsInOneFileAreNoList keeps bundles of CustomResourceDefinitions in this process: they say kind, and List,
// hundreds of times.
func TestManyKindsInOneFileAreNoList(t *testing.T) {
	crd := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec:\n  names:\n    kind: A\n    listKind: AList\n" +
		"    description: \"List of all kinds of kind, kind and kind\"\n"
	tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": crd})
	_, err := render.NewInProcess().Render(context.Background(), render.Request{Tree: tree, Dir: ".", Limits: render.Limits{Objects: 2}})
	if err != nil {
		t.Error(err)
	}
}

func TestARenderThatNobodyWaitsForEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	tree := watched{files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": configMap}), func(name string) {
		if name == "kustomization.yaml" {
			cancel()
		}
	}}
	_, err := render.New().Render(ctx, render.Request{Tree: tree, Dir: "."})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, renderer := range []render.Renderer{render.New(), render.Child{}} {
		if _, err := renderer.Render(ctx, render.Request{Tree: tree, Dir: "."}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// watched tells what is read.
type watched struct {
	memory
	read func(name string)
}

func (w watched) ReadFile(name string) ([]byte, error) {
	w.read(name)
	return w.memory.ReadFile(name)
}
