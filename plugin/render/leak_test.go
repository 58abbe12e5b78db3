package render_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/render/schema"
)

// sidecarPatch changes one container of two: without the right schema the other is lost.
var sidecarPatch = map[string]string{
	"kustomization.yaml": "resources: [d.yaml]\npatches: [{path: p.yaml}]\n",
	"d.yaml":             twoContainers,
	"p.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - name: api
        image: api:2
`,
}

const twoContainers = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - image: api:1
        name: api
      - image: sidecar:1
        name: sidecar
`

var sidecarPatched = strings.Replace(twoContainers, "api:1", "api:2", 1)

// someSchema says nothing of Deployments but that their containers are merged by image.
const someSchema = `{"definitions": {"io.k8s.api.apps.v1.Deployment": {"type": "object", "properties": {"spec": {"type": "object",
"properties": {"template": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"containers": {"type": "array",
"x-kubernetes-patch-merge-key": "image", "x-kubernetes-patch-strategy": "merge", "items": {"type": "object"}}}}}}}}},
"x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]}}}`

// leaking are trees that would change the schema of the whole process.
func leaking() map[string]map[string]string {
	in := func(more ...string) map[string]string {
		content := map[string]string{"d.yaml": twoContainers, "p.yaml": sidecarPatch["p.yaml"], "b/d.yaml": twoContainers, "b/s.json": someSchema, "s.json": someSchema,
			"bad.json": `{"definitions": 1`, "b/bad.json": `{"definitions": 1`}
		for i := 0; i < len(more); i += 2 {
			content[more[i]] = more[i+1]
		}
		return content
	}
	const patch = "patches: [{path: p.yaml}]\n"
	return map[string]map[string]string{
		"top":            in("kustomization.yaml", "resources: [d.yaml]\nopenapi: {path: s.json}\n"+patch),
		"upper case":     in("kustomization.yaml", "resources: [d.yaml]\nOpenAPI: {path: s.json}\n"+patch),
		"in a base":      in("kustomization.yaml", "resources: [b]\n"+patch, "b/kustomization.yaml", "resources: [d.yaml]\nopenapi: {path: s.json}\n"),
		"in a component": in("kustomization.yaml", "resources: [d.yaml]\ncomponents: [b]\n"+patch, "b/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nopenapi: {path: s.json}\n"),
		"in a component file": in("kustomization.yaml", "resources: [d.yaml]\ncomponents: [b/c.yaml]\n"+patch,
			"b/c.yaml", "openapi: {path: s.json}\n"),
		"in a linked file": in("kustomization.yaml", "-> k.yaml", "k.yaml", "resources: [d.yaml]\nopenapi: {path: s.json}\n"+patch),
		"in transformers": in("kustomization.yaml", "resources: [d.yaml]\ntransformers: [b]\n"+patch, "b/kustomization.yaml",
			"resources: [t.yaml]\nopenapi: {path: s.json}\n", "b/t.yaml", "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: x}\nprefix: a-\nfieldSpecs: [{path: metadata/name}]\n"),
		"version":           in("kustomization.yaml", "resources: [d.yaml]\nopenapi: {version: v1.21.2}\n"+patch),
		"unknown version":   in("kustomization.yaml", "resources: [d.yaml]\nopenapi: {version: v1.1}\n"+patch),
		"invalid":           in("kustomization.yaml", "resources: [d.yaml]\nopenapi: {path: bad.json}\n"+patch),
		"invalid in a base": in("kustomization.yaml", "resources: [b]\n"+patch, "b/kustomization.yaml", "resources: [d.yaml]\nopenapi: {path: bad.json}\n"),
		"both":              in("kustomization.yaml", "resources: [d.yaml]\nopenapi: {path: s.json, version: v1.21.2}\n"+patch),
	}
}

func TestASchemaOfOneTenantChangesNothingForAnother(t *testing.T) {
	plain := files(sidecarPatch)
	for name, content := range leaking() {
		t.Run(name, func(t *testing.T) {
			stock := runStock(t, []tree{{Name: name, Files: unlinked(content), Dir: "."}})[0]
			for range 2 {
				wantEqual(t, mustBuild(t, plain, "."), sidecarPatched)
				got, err := build(t, files(content), ".")
				if (err != nil) != (stock.Err != "") {
					t.Errorf("kustomize says %q, Tidegate %v", stock.Err, err)
				}
				if err != nil {
					wantPresentable(t, err)
					t.Log(err)
				}
				wantEqual(t, got, stock.Stream)
				wantEqual(t, mustBuild(t, plain, "."), sidecarPatched)
				if err := schema.Assert(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// unlinked is the tree for kustomize's file system in memory, which has no links.
func unlinked(content map[string]string) map[string]string {
	plain := map[string]string{}
	for name, text := range content {
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			text = content[target]
		}
		if name == "b/c.yaml" {
			plain["b/kustomization.yaml"] = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n" + text
		}
		plain[name] = strings.ReplaceAll(text, "components: [b/c.yaml]", "components: [b]")
	}
	return plain
}

func TestConcurrentRendersKeepTheirSchema(t *testing.T) {
	foreign := leaking()
	var group sync.WaitGroup
	renderer := render.New()
	for _, content := range []map[string]string{foreign["top"], foreign["in a component file"], foreign["invalid"]} {
		group.Go(func() {
			for range 3 {
				_, _ = renderer.Render(context.Background(), render.Request{Tree: files(content), Dir: "."})
			}
		})
	}
	for range 8 {
		group.Go(func() {
			for range 50 {
				result, err := renderer.Render(context.Background(), render.Request{Tree: files(sidecarPatch), Dir: "."})
				if err != nil {
					t.Error(err)
					return
				}
				if got, _ := manifest.YAML(result.Objects); string(got) != sidecarPatched {
					t.Errorf("a render was changed by another:\n%s", got)
					return
				}
			}
		})
	}
	group.Wait()
	if err := schema.Assert(); err != nil {
		t.Error(err)
	}
}

func TestCRDsOfOneTenantChangeNothingForAnother(t *testing.T) {
	withCRD := files(map[string]string{
		"kustomization.yaml": "resources: [d.yaml]\ncrds: [crd.json]\nnamePrefix: x-\n", "d.yaml": twoContainers,
		"crd.json": strings.ReplaceAll(someSchema[len(`{"definitions": `):len(someSchema)-1], "io.k8s.api.apps.v1.Deployment", "example.com/v1.Thing"),
	})
	if got := mustBuild(t, withCRD, "."); !strings.Contains(got, "name: x-") {
		t.Errorf("got %s", got)
	}
	wantEqual(t, mustBuild(t, files(sidecarPatch), "."), sidecarPatched)
}

func ExampleRequest() {
	tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\nnamePrefix: staging-\n", "a.yaml": configMap})
	result, err := render.New().Render(context.Background(), render.Request{Tree: tree, Dir: "."})
	fmt.Println(result.Objects[0].Name(), err)
	// Output: staging-settings <nil>
}
