package render_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/render"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"

func TestAKustomizationMayHaveAnyNameAndForm(t *testing.T) {
	for _, test := range []struct{ name, file, text string }{
		{"no kind", "kustomization.yaml", "resources: [a.yaml]\n"},
		{"kustomization.yml", "kustomization.yml", "resources: [a.yaml]\n"},
		{"Kustomization", "Kustomization", "resources: [a.yaml]\n"},
		{"CRLF", "kustomization.yaml", "resources:\r\n- a.yaml\r\n"},
		{"a byte order mark", "kustomization.yaml", "\ufeffresources: [a.yaml]\n"},
		{"fields in upper case", "kustomization.yaml", "Resources: [a.yaml]\nKIND: Kustomization\n"},
		{"JSON", "kustomization.yaml", `{"resources": ["a.yaml"]}`},
		{"an anchor", "kustomization.yaml", "resources: &x [a.yaml]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := files(map[string]string{test.file: test.text, "a.yaml": configMap})
			wantEqual(t, mustBuild(t, tree, "."), configMap)
		})
	}
}

// TestWhatIsMalformedIsTakenAsKustomizeTakesIt compares with kustomize itself: what it builds, Tidegate builds.
func TestWhatIsMalformedIsTakenAsKustomizeTakesIt(t *testing.T) {
	resource := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": "resources: [a.yaml]", "a.yaml": text}
	}
	kustomization := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": text, "a.yaml": configMap}
	}
	var trees []tree
	for name, content := range map[string]map[string]string{
		"duplicate key in a kustomization":        kustomization("namePrefix: a-\nresources: [a.yaml]\nnamePrefix: b-\n"),
		"duplicate key in another case":           kustomization("namePrefix: a-\nresources: [a.yaml]\nNamePrefix: b-\n"),
		"tab in a kustomization":                  kustomization("resources:\n\t- a.yaml\n"),
		"tab after the dash":                      kustomization("resources:\n-\ta.yaml\n"),
		"invalid UTF-8 in a kustomization":        kustomization("resources: [a.yaml]\nnamePrefix: \"\xff\"\n"),
		"UTF-16 kustomization":                    kustomization("\xff\xfer\x00e\x00s\x00o\x00u\x00r\x00c\x00e\x00s\x00:\x00 \x00[\x00a\x00.\x00y\x00a\x00m\x00l\x00]\x00"),
		"two documents in a kustomization":        kustomization("resources: [a.yaml]\n---\nnamePrefix: b-\n"),
		"empty kustomization":                     kustomization(""),
		"comments only":                           kustomization("# nothing\n"),
		"null kustomization":                      kustomization("null\n"),
		"a list for a kustomization":              kustomization("- a.yaml\n"),
		"merge key":                               kustomization("x: &x {namePrefix: b-}\n<<: *x\nresources: [a.yaml]\n"),
		"no resources":                            kustomization("namePrefix: a-\n"),
		"metadata":                                kustomization("metadata: {name: x, annotations: {a: b}}\nresources: [a.yaml]\n"),
		"CRLF resource":                           resource("apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\ndata:\r\n  k: |\r\n    x\r\n    y\r\n"),
		"byte order mark in a resource":           resource("\ufeff" + configMap),
		"byte order mark in the second document":  resource(configMap + "---\n\ufeffapiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"),
		"duplicate key in a resource":             resource(configMap + "data: {a: b}\ndata: {c: d}\n"),
		"tab in a resource":                       resource("apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n"),
		"invalid UTF-8 in a resource":             resource(configMap + "data: {a: \"\xff\"}\n"),
		"NUL in a resource":                       resource(configMap + "data: {a: \"\x00\"}\n"),
		"empty resource":                          resource(""),
		"empty documents":                         resource("---\n---\n" + configMap + "---\n# end\n"),
		"document end marks":                      resource(configMap + "...\n---\n" + strings.ReplaceAll(configMap, "settings", "b") + "...\n"),
		"an object without kind":                  resource("apiVersion: v1\nmetadata: {name: a}\n"),
		"an object without name":                  resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"),
		"an object with generateName":             resource("apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n"),
		"a scalar for a resource":                 resource("hello\n"),
		"a list of objects":                       resource("- " + strings.ReplaceAll(configMap, "\n", "\n  ") + "\n"),
		"List":                                    resource("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"),
		"List of Lists":                           resource("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]}\n"),
		"empty List":                              resource("apiVersion: v1\nkind: ConfigMapList\nitems: []\n"),
		"null items":                              resource("apiVersion: v1\nkind: ConfigMapList\nitems:\n"),
		"a kind that ends in List, without items": resource("apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\n"),
		"aliases in a resource":                   resource(configMap + "data:\n  a: &x \"1\"\n  b: *x\n"),
		"merge keys in a resource":                resource(configMap + "data:\n  <<: {a: b}\n  c: d\n"),
		"numbers for strings":                     resource(configMap + "data: {a: 1, b: 0x10, c: 1e3, d: 012, e: yes, f: 2020-01-01, g: 1_000, h: .inf}\n"),
		"keys that are no strings":                resource(configMap + "data: {1: a, true: b, null: c}\n"),
		"tags":                                    resource(configMap + "data: {a: !!str 1, b: !!binary aGVsbG8=}\n"),
		"a Kustomization among the resources":     resource("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [b.yaml]\n"),
		"the same object twice":                   resource(configMap + "---\n" + configMap),
		"local configuration":                     resource(configMap + "  annotations: {config.kubernetes.io/local-config: 'true'}\n"),
		"wrong case of kind":                      kustomization("kind: kustomization\nresources: [a.yaml]\n"),
		"wrong apiVersion":                        kustomization("apiVersion: v1\nkind: Kustomization\nresources: [a.yaml]\n"),
		"Component built alone":                   kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n"),
		"unknown field":                           kustomization("resource: [a.yaml]\n"),
		"wrong type":                              kustomization("resources: a.yaml\n"),
		"empty path":                              kustomization("resources: ['', a.yaml]\n"),
		"path with a slash at the end":            kustomization("resources: [a.yaml/]\n"),
		"path with dots":                          kustomization("resources: [./x/../a.yaml]\n"),
		"sortOptions legacy":                      kustomization("sortOptions: {order: legacy}\nresources: [a.yaml]\n"),
		"sortOptions fifo":                        kustomization("sortOptions: {order: fifo}\nresources: [a.yaml]\n"),
		"sortOptions unknown":                     kustomization("sortOptions: {order: random}\nresources: [a.yaml]\n"),
		"an image name that is no expression":     kustomization("resources: [a.yaml, d.yaml]\nimages: [{name: '(', newTag: x}]\n"),
	} {
		content["d.yaml"] = deployment
		trees = append(trees, tree{Name: name, Files: content, Dir: "."})
	}
	for i, want := range runStock(t, trees) {
		t.Run(trees[i].Name, func(t *testing.T) {
			got, err := build(t, files(trees[i].Files), ".")
			if err != nil {
				wantPresentable(t, err)
			}
			switch {
			case want.Err != "" && err == nil:
				t.Errorf("kustomize refuses this: %s\nTidegate rendered:\n%s", want.Err, got)
			case want.Err == "" && err != nil:
				t.Errorf("kustomize builds this, Tidegate does not: %v\n%s", err, want.Stream)
			case err != nil:
				t.Logf("%v", err)
			default:
				wantEqual(t, got, want.Stream)
			}
		})
	}
}

func TestDeprecatedFieldsAreWarnedOfByFile(t *testing.T) {
	tree := files(map[string]string{
		"kustomization.yaml":      "bases: [base]\ncommonLabels: {a: b}\n",
		"base/kustomization.yaml": "resources: [a.yaml]\npatchesStrategicMerge: [p.yaml]\n",
		"base/a.yaml":             configMap,
		"base/p.yaml":             configMap,
	})
	result, err := render.New().Render(context.Background(), render.Request{Tree: tree, Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	const fix = " Run 'kustomize edit fix' to update your Kustomization automatically.\n"
	wantEqual(t, strings.Join(result.Warnings, "\n")+"\n", ""+
		"kustomization.yaml: 'bases' is deprecated. Please use 'resources' instead."+fix+
		"kustomization.yaml: 'commonLabels' is deprecated. Please use 'labels' instead."+fix+
		"base/kustomization.yaml: 'patchesStrategicMerge' is deprecated. Please use 'patches' instead."+fix)
	wantEqual(t, strings.Join(result.Files, "\n"), "kustomization.yaml\nbase/kustomization.yaml\nbase/a.yaml\nbase/p.yaml")
}

func TestMalformedTextIsShownByFileAndLine(t *testing.T) {
	resource := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": "resources: [a.yaml]", "a.yaml": text}
	}
	kustomization := func(text string) map[string]string { return map[string]string{"kustomization.yaml": text} }
	wantRefusals(t, []refusal{
		{"tab", kustomization("resources:\n\t- a.yaml\n"), "", "kustomization.yaml:2: found character that cannot start any token"},
		{"invalid UTF-8", kustomization("namePrefix: \"\xff\"\n"), "", "kustomization.yaml: invalid leading UTF-8 octet"},
		{"a list", kustomization("- a.yaml\n"), "", "kustomization.yaml:1: the kustomization is a list, and kustomize wants a map"},
		{"wrong type", kustomization("resources: a.yaml\n"), "", "kustomization.yaml:1: resources is a string, and kustomize wants a list"},
		{"empty", kustomization("# nothing\n"), "", "kustomization.yaml: the kustomization is empty"},
		{"unknown field", kustomization("namePrefix: a-\nresource: [a.yaml]\n"), "", "kustomization.yaml:2: unknown field resource; did you mean resources?"},
		{"tab in a resource", resource("kind: A\nmetadata:\n\tname: a\n"), "", "a.yaml:3: found character that cannot start any token"},
		{"invalid UTF-8 in a resource", resource(configMap + "data: {a: \"\xff\"}\n"), "", "a.yaml: invalid leading UTF-8 octet"},
		{"duplicate key in a resource", resource(configMap + "data: {a: b}\ndata: {c: d}\n"), "", "a.yaml:6: the key data is given twice, first on line 5"},
		{"no object", resource("hello\n"), "", "a.yaml:1: this is no object: a map with apiVersion, kind and metadata is wanted"},
		{"the same object twice", resource(configMap + "---\n" + configMap), "", "a.yaml:6: the ConfigMap settings is defined twice, first at a.yaml:1"},
	})
}
