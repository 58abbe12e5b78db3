package render

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render/schema"
)

// definition is one with a schema that is large enough to be cut out; extra is put into its middle.
func definition(name, extra string) string {
	var fields strings.Builder
	for i := range 60 {
		fields.WriteString("              field" + string(rune('a'+i%26)) + strings.Repeat("x", i) + ":\n                description: |-\n                  What it \"is\": # for\n\n                    and 'more'\n" +
			"                type: string\n                default: \"1\"\n                enum: [a, 'b', \"c\", yes, 1.50, ~x]\n")
	}
	return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: " + name + ".example.com\nspec:\n  group: example.com\n  names: {kind: Widget, plural: " + name + "}\n" +
		"  versions:\n  - name: v1\n    schema:\n      openAPIV3Schema:\n        # generated\n        type: object\n        properties:\n          containers:\n            properties:\n" + fields.String() + extra +
		"              image: {default: api}\n        required:\n        - containers\n    served: true\n"
}

func render(t *testing.T, files map[string]string, whole bool) (objects []manifest.Object, schemas int, message string) {
	t.Helper()
	tree := wide{fstest.MapFS{}}
	for name, content := range files {
		tree.MapFS[name] = &fstest.MapFile{Data: []byte(content)}
	}
	request := Request{Tree: tree, Dir: "."}
	f := newFileSystem(context.Background(), request, InProcess{loadSchema: schema.Load})
	f.standIns.off = whole
	objects, err := build(f, ".")
	schemas = len(f.standIns.schemas)
	if !whole {
		var result *Result
		if result, err = NewInProcess().Render(t.Context(), request); err == nil {
			return result.Objects, schemas, ""
		}
		return nil, schemas, err.Error()
	}
	if f.err != nil {
		return nil, schemas, f.err.Error()
	}
	if err != nil {
		return nil, schemas, f.explain(err).Error()
	}
	return objects, schemas, ""
}

// TestWhatKustomizeDoesNotSeeIsInTheOutputAsItWas compares with builds of which kustomize sees everything.
func TestWhatKustomizeDoesNotSeeIsInTheOutputAsItWas(t *testing.T) {
	NewInProcess()
	plain := definition("widgets", "")
	const jsonPatch = "  patch: '[{\"op\": \"replace\", \"path\": \"/spec/versions/0/schema/openAPIV3Schema/type\", \"value\": \"changed\"}]'\n"
	deployment := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [{name: api, image: api}]}}}\n"
	one := func(kustomization, content string) map[string]string {
		return map[string]string{"kustomization.yaml": "resources: [crd.yaml]\n" + kustomization, "crd.yaml": content, "deployment.yaml": deployment}
	}
	with := func(files map[string]string, name, content string) map[string]string {
		files[name] = content
		return files
	}
	for _, test := range []struct {
		name    string
		files   map[string]string
		schemas int // that kustomize does not see
	}{
		{"a definition", one("", plain), 1},
		{"two in one file", one("", plain+"---\n"+definition("others", "")), 2},
		{"everything that leaves it alone", one("namespace: a\nnamePrefix: b-\nlabels:\n- pairs: {c: d}\n  includeTemplates: true\ncommonLabels: {e: f}\ncommonAnnotations: {g: h}\nimages: [{name: api, newTag: v2}]\n"+
			"configMapGenerator: [{name: i, literals: [j=k]}]\nbuildMetadata: [originAnnotations]\n", plain), 1},
		{"patches of others", with(one("patches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/replicas\", \"value\": 3}]'\n- path: p.yaml\nbases: [b]\n", plain),
			"b/kustomization.yaml", "resources: [d.yaml]\n"), 1},
		{"a comment at the margin", one("", definition("widgets", "# odd\n")), 1},
		{"its own name in its text", one("", definition("widgets", "              openAPIV3Schema:\n                description: |\n                  openAPIV3Schema:\n                    type: x\n")), 1},
		{"its name in a text elsewhere", one("", strings.Replace(plain, "  group:", "  description: |\n      openAPIV3Schema:\n        type: object\n  group:", 1)), 2},
		{"a patch of its schema", one("patches:\n- target: {kind: CustomResourceDefinition}\n"+jsonPatch, plain), 0},
		{"a patch of what has any kind", one("patches:\n- target: {kind: .*}\n"+jsonPatch, plain), 0},
		{"a patch of what has the name", one("patches:\n- target: {name: widgets.example.com}\n"+jsonPatch, plain), 0},
		{"a merge patch", one("patches:\n- patch: |\n    apiVersion: apiextensions.k8s.io/v1\n    kind: CustomResourceDefinition\n    metadata: {name: widgets.example.com}\n    spec: {versions: [{name: v2}]}\n", plain), 0},
		{"a merge patch that deletes it", one("patchesStrategicMerge:\n- |\n  apiVersion: apiextensions.k8s.io/v1\n  kind: CustomResourceDefinition\n  metadata: {name: widgets.example.com}\n  $patch: delete\n", plain), 0},
		{"a component that comes later", with(one("components: [c]\n", plain),
			"c/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: {kind: CustomResourceDefinition}\n"+jsonPatch), 1},
		{"replacements", one("replacements:\n- source: {kind: CustomResourceDefinition, fieldPath: spec.group}\n  targets:\n  - select: {kind: CustomResourceDefinition}\n    fieldPaths: [spec.versions.0.schema.openAPIV3Schema.type]\n", plain), 0},
		{"labels where they are told", one("labels:\n- pairs: {a: b}\n  fields:\n  - {path: spec/versions/schema/openAPIV3Schema/x, create: true}\n", plain), 0},
		{"configurations", with(one("configurations: [c.yaml]\ncommonLabels: {a: b}\n", plain), "c.yaml", "commonLabels:\n- {path: spec/versions/schema/openAPIV3Schema/x, create: true}\n"), 0},
		{"also the content of a generated object", one("configMapGenerator: [{name: a, files: [crd.yaml]}]\n", plain), 0},
		{"an alias", one("", strings.Replace(definition("widgets", "              x: *g\n"), "group: ", "group: &g ", 1)), 0},
		{"a merge key", one("", definition("widgets", "              x: {<<: {a: b}}\n")), 0},
		{"a tag", one("", definition("widgets", "              x: !!str 1\n")), 0},
		{"a date", one("", definition("widgets", "              x: {example: 2001-01-01}\n")), 0},
		{"other line ends", one("", strings.ReplaceAll(plain, "\n", "\r\n")), 0},
		{"a mark of our own", one("", definition("widgets", "              x: {description: tidegate.dev/schema-0}\n")), 0},
		{"a mark of our own elsewhere", one("commonAnnotations: {a: tidegate.dev/schema-0}\n", plain), 1},
		{"an empty entry", one("", definition("widgets", "              x: {enum: [a, null]}\n")), 0},
		{"a key twice", one("", definition("widgets", "              x: {a: b}\n              x: {a: c}\n")), 0},
		{"quotes over lines further left", one("", definition("widgets", "              x: {description: \"a\n b\"}\n")), 0},
		{"braces over lines further left", one("", definition("widgets", "              x: {description: a,\n b: c}\n")), 0},
		{"no map", one("", definition("widgets", "              - x\n")), 0},
		{"listed twice", map[string]string{"kustomization.yaml": "resources: [a, b]\n", "a/kustomization.yaml": "resources: [../c]\n", "b/kustomization.yaml": "resources: [../c]\n",
			"c/kustomization.yaml": "resources: [crd.yaml]\n", "c/crd.yaml": plain}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.files["p.yaml"], test.files["b/d.yaml"] = strings.Replace(deployment, "image: api", "image: other", 1), deployment
			want, _, wantMessage := render(t, test.files, true)
			got, schemas, message := render(t, test.files, false)
			if message != wantMessage || cmp.Diff(want, got) != "" {
				t.Errorf("%q, want %q (-want +got):\n%s", message, wantMessage, cmp.Diff(want, got))
			}
			if schemas != test.schemas {
				t.Errorf("kustomize did not see %d schemas, want %d (%s)", schemas, test.schemas, message)
			}
		})
	}
}
