package render

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// doubling are replacements of which each copies the data of an object into that data once more.
func doubling(n int, indent string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "%[1]s- source: {kind: ConfigMap, name: a, fieldPath: data}\n%[1]s  targets:\n"+
			"%[1]s  - select: {kind: ConfigMap, name: a}\n%[1]s    fieldPaths: [data.k%[2]d]\n%[1]s    options: {create: true}\n", indent, i)
	}
	return out.String()
}

const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: \"%s\"}\n"

func manySettings(n int) string {
	return numbered(n, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b%d}\ndata: {a: b}\n")
}

func fields(n int) string { return numbered(n, "  f%d: v\n") }

// numbered is a text as often as wanted, each time with another number.
func numbered(n int, format string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, format, i)
	}
	return out.String()
}

// levels are folders of which each puts a prefix before all names of the next.
func levels(n int, prefix string) map[string]string {
	files := map[string]string{}
	dir := ""
	for range n {
		files[dir+"kustomization.yaml"] = "resources: [b]\nnamePrefix: " + prefix + "-\n"
		dir += "b/"
	}
	files[dir+"kustomization.yaml"] = "resources: [a.yaml]\n"
	files[dir+"a.yaml"] = manySettings(100)
	return files
}

// TestWhatGrowsWhileItIsChangedIsNotRenderedHere keeps out of a process that serves others what is small to read and
// takes all memory there is.
func TestWhatGrowsWhileItIsChangedIsNotRenderedHere(t *testing.T) {
	const mib = 1 << 20
	long := strings.Repeat("x", mib)
	a := fmt.Sprintf(settings, "b")
	for name, files := range map[string]map[string]string{
		"replacements that feed themselves": {
			"kustomization.yaml": "resources: [a.yaml]\nreplacements:\n" + doubling(30, ""), "a.yaml": a},
		"replacements from a file": {
			"kustomization.yaml": "resources: [a.yaml]\nreplacements: [{path: r.yaml}]\n", "r.yaml": doubling(30, ""), "a.yaml": a},
		"replacements in a transformer": {
			"kustomization.yaml": "resources: [a.yaml]\ntransformers: [r.yaml]\n", "a.yaml": a,
			"r.yaml": "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: x}\nreplacements:\n" + doubling(30, "")},
		"replacements in a transformer in the kustomization": {
			"kustomization.yaml": "resources: [a.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: ReplacementTransformer\n  metadata: {name: x}\n  replacements:\n" + doubling(30, "  "),
			"a.yaml":             a},
		"replacements in a folder of transformers": {
			"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t]\n", "a.yaml": a, "t/kustomization.yaml": "resources: [r.yaml]\n",
			"t/r.yaml": "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: x}\nreplacements:\n" + doubling(30, "")},
		"replacements of a base and of its overlay": {
			"kustomization.yaml": "resources: [b]\nreplacements:\n- source: {kind: ConfigMap, name: a, fieldPath: spec}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.k]\n    options: {create: true}\n",
			"b/a.yaml":           a, "b/kustomization.yaml": "resources: [a.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [spec.k]\n    options: {create: true}\n"},
		"replacements into what others have written": {
			"kustomization.yaml": "resources: [a.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data}\n  targets:\n  - select: {kind: Other}\n    fieldPaths: [spec.x]\n" +
				"- source: {kind: ConfigMap, name: a, fieldPath: data}\n  targets:\n  - select: {kind: Other}\n    fieldPaths: ['spec.x.*.y']\n",
			"a.yaml": a},
		"a long value for many objects": {
			"kustomization.yaml": "resources: [a.yaml, b.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data.a}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [spec.k]\n    options: {create: true}\n",
			"a.yaml":             fmt.Sprintf(settings, long), "b.yaml": manySettings(500)},
		"a long value for many fields": {
			"kustomization.yaml": "resources: [a.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: a, fieldPath: data.a}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: ['spec.*']\n",
			"a.yaml":             fmt.Sprintf(settings, long) + "spec:\n" + fields(500)},
		"a long variable in many places": {
			"kustomization.yaml": "resources: [a.yaml, b.yaml]\nvars:\n- name: A\n  objref: {apiVersion: v1, kind: ConfigMap, name: a}\n  fieldref: {fieldpath: data.a}\n",
			"a.yaml":             fmt.Sprintf(settings, long), "b.yaml": strings.ReplaceAll(fmt.Sprintf(settings, strings.Repeat("$(A)", 500)), "name: a", "name: b")},
		"variables that are replaced as often as wanted": {
			"kustomization.yaml": "resources: [a.yaml]\nconfigurations: [c.yaml]\nvars:\n- name: A\n  objref: {apiVersion: v1, kind: ConfigMap, name: a}\n  fieldref: {fieldpath: data.a}\n",
			"c.yaml":             "varReference: []\n", "a.yaml": fmt.Sprintf(settings, "$(A)$(A)")},
		"a long label for many objects": {
			"kustomization.yaml": "resources: [b.yaml]\ncommonAnnotations: {a: " + long + "}\n", "b.yaml": manySettings(500)},
		"a long patch for many objects": {
			"kustomization.yaml": "resources: [b.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n", "b.yaml": manySettings(500),
			"p.yaml": fmt.Sprintf(settings, long)},
		"a long tag for many images": {
			"kustomization.yaml": "resources: [a.yaml]\nimages: [{name: b, newTag: " + long + "}]\n",
			"a.yaml":             "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [" + strings.Repeat("{image: b}, ", 500) + "]}\n"},
		"a prefix at every level": levels(100, long[:mib/8]),
		"a prefix as often as configured": {
			"kustomization.yaml": "namePrefix: " + long[:mib/8] + "-\nresources: [a.yaml]\nconfigurations: [c.yaml]\n", "a.yaml": a,
			"c.yaml": "namePrefix:\n" + strings.Repeat("- path: metadata/name\n", 1000)},
		"copies in a transformer": {
			"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n", "a.yaml": a,
			"t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\ntarget: {kind: ConfigMap}\npatch: '[" +
				strings.TrimSuffix(strings.Repeat(`{"op": "copy", "from": "/data", "path": "/data/x"},`, 30), ",") + "]'\n"},
		"copies in a transformer that is reached from above": {
			"kustomization.yaml": "resources: [a.yaml]\ntransformers: [\"../@repository/t\\nt\"]\n", "a.yaml": a,
			"t\nt": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\ntarget: {kind: ConfigMap}\npatch: '[" +
				strings.TrimSuffix(strings.Repeat(`{"op": "copy", "from": "/data", "path": "/data/x"},`, 9), ",") + "]'\n"},
		"copies in a transformer whose name has two lines": {
			"kustomization.yaml": "resources: [a.yaml]\ntransformers: [\"t\\nt\"]\n", "a.yaml": a,
			"t\nt": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\ntarget: {kind: ConfigMap}\npatch: '[" +
				strings.TrimSuffix(strings.Repeat(`{"op": "copy", "from": "/data", "path": "/data/x"},`, 9), ",") + "]'\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := treeOf(files)
			before := allocated()
			result, err := NewInProcess().Render(t.Context(), Request{Tree: tree, Dir: "."})
			var unbounded *unboundedError
			if !errors.As(err, &unbounded) {
				t.Errorf("got %v, %v, want it handed to a child", result != nil, err)
			}
			if grown := allocated() - before; grown > 256*mib {
				t.Errorf("%d MiB were allocated before it was noticed", grown/mib)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestOrdinaryReplacementsAndVariablesAreRenderedHere(t *testing.T) {
	tree := wide{fstest.MapFS{
		"kustomization.yaml": {Data: []byte(`resources: [certificate.yaml, webhook.yaml]
namePrefix: operator-
transformers: [labels.yaml]
replacements:
- source: {kind: Certificate, name: serving, fieldPath: .metadata.namespace}
  targets:
  - select: {kind: ValidatingWebhookConfiguration}
    fieldPaths: [".metadata.annotations.[cert-manager.io/inject-ca-from]"]
    options: {delimiter: '/', index: 0, create: true}
- source: {kind: Certificate, name: serving, fieldPath: .metadata.name}
  targets:
  - select: {kind: ValidatingWebhookConfiguration}
    fieldPaths: [".metadata.annotations.[cert-manager.io/inject-ca-from]"]
    options: {delimiter: '/', index: 1, create: true}
- source: {kind: Service, name: webhook, fieldPath: metadata.name}
  targets:
  - select: {kind: ValidatingWebhookConfiguration}
    fieldPaths: [webhooks.*.clientConfig.service.name]
- source: {kind: Service, name: webhook, fieldPath: metadata.namespace}
  targets:
  - select: {kind: ValidatingWebhookConfiguration}
    fieldPaths: [webhooks.*.clientConfig.service.namespace]
vars:
- name: SERVICE
  objref: {apiVersion: v1, kind: Service, name: webhook}
`)},
		"labels.yaml":      {Data: []byte("apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\nlabels: {a: b}\nfieldSpecs:\n- {path: metadata/labels, create: true}\n")},
		"certificate.yaml": {Data: []byte("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: serving, namespace: system}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: webhook, namespace: system}\n")},
		"webhook.yaml": {Data: []byte("apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: w, annotations: {cert-manager.io/inject-ca-from: a/b}}\n" +
			"webhooks:\n- name: a\n  clientConfig: {service: {name: x, namespace: y}}\n- name: b\n  clientConfig: {service: {name: x, namespace: y}}\n")},
	}}
	result, err := NewInProcess().Render(t.Context(), Request{Tree: tree, Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	annotation := result.Objects[2].Map("metadata", "annotations")["cert-manager.io/inject-ca-from"]
	if annotation != "system/operator-serving" {
		t.Errorf("the annotation is %v", annotation)
	}
}
