package render_test

import (
	"maps"
	"path"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/render"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - image: ghcr.io/myorg/api:latest
        name: api
`

const imageTag = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
images:
- name: ghcr.io/myorg/api
  newTag: sha-a1b2c3d
`

func TestAComponentFileGivesWhatAComponentFolderGives(t *testing.T) {
	asFile := files(map[string]string{
		"base/kustomization.yaml":             "resources: [deployment.yaml]",
		"base/deployment.yaml":                deployment,
		"overlays/staging/kustomization.yaml": "resources: [../../base]\ncomponents: [image-tag.yaml]",
		"overlays/staging/image-tag.yaml":     imageTag,
	})
	asFolder := files(map[string]string{
		"base/kustomization.yaml":             "resources: [deployment.yaml]",
		"base/deployment.yaml":                deployment,
		"overlays/staging/kustomization.yaml": "resources: [../../base]\ncomponents: [image-tag]",
		"overlays/staging/image-tag/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
- name: ghcr.io/myorg/api
  newTag: sha-a1b2c3d
`,
	})
	want := `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - image: ghcr.io/myorg/api:sha-a1b2c3d
        name: api
`
	wantEqual(t, mustBuild(t, asFile, "overlays/staging"), want)
	wantEqual(t, mustBuild(t, asFolder, "overlays/staging"), want)
}

// TestAComponentFileIsItsFolderForm builds each tree twice: with the component as a file, and with the same text as the
// kustomization of a folder of its own, whose paths begin one folder higher.
func TestAComponentFileIsItsFolderForm(t *testing.T) {
	const origins = "buildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]\n"
	base := map[string]string{
		"base/kustomization.yaml": "resources: [d.yaml]\n", "base/d.yaml": deployment,
		"o/p.yaml":                  "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {replicas: 3}\n",
		"o/x.txt":                   "hello\n",
		"o/sub/y":                   "deep\n",
		"o/cm.yaml":                 configMap,
		"o/rep.yaml":                "- source: {kind: ConfigMap, name: settings, fieldPath: metadata.name}\n  targets: [{select: {kind: Deployment}, fieldPaths: ['metadata.annotations.a'], options: {create: true}}]\n",
		"o/more/kustomization.yaml": "resources: [e.yaml]\n", "o/more/e.yaml": strings.ReplaceAll(configMap, "settings", "more"),
		"c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: c-\n",
	}
	for _, test := range []struct{ name, top, file string }{
		{"images", "", "images: [{name: ghcr.io/myorg/api, newTag: x}]\n"},
		{"no kind", "", "namePrefix: x-\n"},
		{"kind Kustomization", "", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: x-\n"},
		{"kind Component", "", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: x-\n"},
		{"fields in upper case", "", "Kind: Kustomization\nAPIVERSION: kustomize.config.k8s.io/v1beta1\nnamePrefix: x-\n"},
		{"replicas too large for a float", "", "replicas: [{name: api, count: 9007199254740993}]\n"},
		{"resources, patches and generators", origins, "resources: [@cm.yaml, @more]\npatches: [{path: @p.yaml}]\nconfigMapGenerator: [{name: g, files: [@x.txt, y=@sub/y]}]\n"},
		{"replacements", origins, "resources: [@cm.yaml]\nreplacements: [{path: @rep.yaml}]\n"},
		{"a base elsewhere", origins, "resources: [../@c2]\n"},
		{"components of the component", origins, "components: [../@c]\n"},
		{"dots in paths", "", "resources: [./@sub/../cm.yaml]\n"},
		{"text that JSON escapes", "", "configMapGenerator: [{name: g, literals: ['a=<&>\u2028']}]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asFile, asFolder := maps.Clone(base), maps.Clone(base)
			top := "resources: [../base]\ncomponents: [C]\n" + test.top
			asFile["o/kustomization.yaml"] = strings.Replace(top, "C", "tag.yaml", 1)
			asFolder["o/kustomization.yaml"] = strings.Replace(top, "C", "tag.yaml.d", 1)
			asFile["o/tag.yaml"] = strings.ReplaceAll(test.file, "@", "")
			// A folder's kustomization cannot read files beside its folder, so they move into it.
			asFolder["o/tag.yaml.d/kustomization.yaml"] = component(strings.ReplaceAll(strings.ReplaceAll(test.file, "../@", "../../"), "@", ""))
			for name, text := range base {
				if inside, found := strings.CutPrefix(name, "o/"); found {
					asFolder["o/tag.yaml.d/"+inside] = text
				}
			}
			for _, tree := range []map[string]string{asFile, asFolder} {
				tree["c2/kustomization.yaml"], tree["c2/d.yaml"] = "resources: [d.yaml]\n", strings.ReplaceAll(configMap, "settings", "c2")
			}
			want := mustBuild(t, files(asFolder), "o")
			want = strings.ReplaceAll(want, "tag.yaml.d/kustomization.yaml", "tag.yaml")
			want = strings.ReplaceAll(want, "tag.yaml.d/", "")
			wantEqual(t, mustBuild(t, files(asFile), "o"), want)
			wantEqual(t, mustBuild(t, render.Mount(files(asFile), "services/a"), "services/a/o"), want)
		})
	}
}

// component gives a text what kustomize demands of a component.
func component(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if lower := strings.ToLower(line); !strings.HasPrefix(lower, "kind:") && !strings.HasPrefix(lower, "apiversion:") {
			kept = append(kept, line)
		}
	}
	return "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" + strings.Join(kept, "")
}

func TestAComponentFileWorksAnywhere(t *testing.T) {
	tagged := strings.Replace(deployment, "latest", "sha-a1b2c3d", 1)
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"in the root folder", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [../image-tag.yaml]", "o/d.yaml": deployment, "image-tag.yaml": imageTag}, tagged},
		{"in a base of a base", map[string]string{"o/kustomization.yaml": "resources: [../a]", "a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [d.yaml]\ncomponents: [tags/image-tag.yaml]", "b/d.yaml": deployment, "b/tags/image-tag.yaml": imageTag}, tagged},
		{"inside a component file", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [x/one.yaml]", "o/d.yaml": deployment, "o/x/one.yaml": "components: [../../y/image-tag.yaml]", "y/image-tag.yaml": imageTag}, tagged},
		{"inside a component folder", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [x]", "o/d.yaml": deployment, "o/x/kustomization.yaml": component("components: [image-tag.yaml]\n"), "o/x/image-tag.yaml": imageTag}, tagged},
		{"two in one folder", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [image-tag.yaml, prefix.yaml]", "o/d.yaml": deployment, "o/image-tag.yaml": imageTag, "o/prefix.yaml": "namePrefix: x-\n"}, strings.Replace(tagged, "name: api", "name: x-api", 1)},
		{"listed twice by one", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [p.yaml, ./p.yaml]", "o/d.yaml": deployment, "o/p.yaml": "namePrefix: x-\n"}, strings.Replace(deployment, "name: api", "name: x-x-api", 1)},
		{"listed by two bases of one", map[string]string{"o/kustomization.yaml": "resources: [a, b]", "o/a/kustomization.yaml": "resources: [d.yaml]\nnamePrefix: a-\ncomponents: [../../image-tag.yaml]", "o/b/kustomization.yaml": "resources: [d.yaml]\nnamePrefix: b-\ncomponents: [../../image-tag.yaml]", "o/a/d.yaml": deployment, "o/b/d.yaml": deployment, "image-tag.yaml": imageTag},
			strings.Replace(tagged, "name: api", "name: a-api", 1) + "---\n" + strings.Replace(tagged, "name: api", "name: b-api", 1)},
		{"a link", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [image-tag.yaml]", "o/d.yaml": deployment, "o/image-tag.yaml": "-> ../shared/tag.yaml", "shared/tag.yaml": "configMapGenerator: [{name: settings, files: [f]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n", "shared/f": "x"},
			"apiVersion: v1\ndata:\n  f: x\nkind: ConfigMap\nmetadata:\n  name: settings\n---\n" + deployment},
		{"through a linked folder", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [l/tag.yaml]", "o/d.yaml": deployment, "o/l": "-> ../shared", "shared/tag.yaml": imageTag}, tagged},
		{"another folder's kustomization", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [../b/kustomization.yaml]", "o/d.yaml": deployment, "b/kustomization.yaml": imageTag}, tagged},
		{"named like a remote place", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [user@host.yaml]", "o/d.yaml": deployment, "o/user@host.yaml": imageTag}, tagged},
		{"JSON", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [tag.json]", "o/d.yaml": deployment, "o/tag.json": `{"images": [{"name": "ghcr.io/myorg/api", "newTag": "sha-a1b2c3d"}]}`}, tagged},
		{"with overrides of its own kind beside it", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents: [image-tag.yaml]\nimages: [{name: ghcr.io/myorg/api, newTag: mine}]", "o/d.yaml": deployment, "o/image-tag.yaml": imageTag}, strings.Replace(deployment, "latest", "mine", 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantEqual(t, mustBuild(t, files(test.files), "o"), test.want)
			dir := t.TempDir()
			for name, text := range test.files {
				if target, isLink := strings.CutPrefix(text, "-> "); isLink {
					write(t, dir, map[string]string{path.Join(path.Dir(name), ".keep"): ""})
					link(t, target, path.Join(dir, name))
					continue
				}
				write(t, dir, map[string]string{name: text})
			}
			wantEqual(t, mustBuild(t, disk(t, dir), "o"), test.want)
		})
	}
}
