package render_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNothingIsDialledAndNothingIsRun gives kustomize a server that answers, and git, helm and docker that could be run,
// and asks for all of them in every way.
func TestNothingIsDialledAndNothingIsRun(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write([]byte(configMap))
	}))
	defer server.Close()
	bin := t.TempDir()
	ran := filepath.Join(bin, "ran")
	for _, name := range []string{"git", "helm", "docker", "run.sh", "sh"} {
		script := "#!/bin/sh\necho $0 >> " + ran + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	url := server.URL
	for _, kustomization := range []string{
		"resources: ['URL/a.yaml']", "resources: ['URL/org/repo//base']", "bases: ['URL/org/repo.git']", "components: ['URL/org/repo//c']",
		"resources: ['git::URL/org/repo']", "resources: ['git@HOST:org/repo']", "resources: ['ssh://git@HOST/org/repo']", "resources: ['file:///tmp/repo']",
		"resources: ['github.com/org/repo']", "generators: ['URL/a.yaml']", "transformers: ['URL/a.yaml']", "validators: ['URL/a.yaml']", "crds: ['URL/a']",
		"configurations: ['URL/a']", "openapi: {path: 'URL/a'}", "replacements: [{path: 'URL/a'}]", "patches: [{path: 'URL/a'}]",
		"patchesStrategicMerge: ['URL/a']", "patchesJson6902: [{path: 'URL/a', target: {kind: A}}]", "configMapGenerator: [{name: a, files: ['URL/a']}]",
		"secretGenerator: [{name: a, envs: ['URL/a']}]", "resources: [d.yaml]\nhelmCharts: [{name: a, repo: 'URL'}]", "helmChartInflationGenerator: [{chartName: a}]",
		"resources: [d.yaml]\ntransformers: [t.yaml]", "generators: [g.yaml]", "generators: [h.yaml]", "resources: [d.yaml]\ntransformers: [e.yaml]",
		"resources: [d.yaml]\nvalidators: [f]", "resources: [l]",
		`resources: ["ssh://git@HOST/org/repo\n"]`, `components: ["git@HOST:org/a\nb"]`, `resources: ["file:///tmp/repo\n"]`,
		`transformers: ["ssh://git@HOST/org/repo\n"]`, `generators: ["github.com/org/repo\n"]`, "resources: [gİthub.com/org/repo]", "resources: ['git@here:org/repo']", "components: ['git@here:org/repo']", `resources: ["git::ssh://HOST/org/repo\n"]`,
	} {
		text := strings.NewReplacer("URL", url, "HOST", strings.TrimPrefix(url, "http://")).Replace(kustomization)
		content := map[string]string{
			"kustomization.yaml": text, "d.yaml": deployment, "c.yaml": text, "l/kustomization.yaml": "-> ../c.yaml",
			"t.yaml":               "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: " + url + "/x\n",
			"g.yaml":               "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nfiles: [" + url + "/x]\n",
			"h.yaml":               "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: x\nrepo: " + url + "\n",
			"e.yaml":               "apiVersion: a/v1\nkind: A\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: 'exec: {path: run.sh}'\n",
			"f/kustomization.yaml": "resources: [f.yaml]\n",
			"f/f.yaml":             "apiVersion: a/v1\nkind: A\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: 'container: {image: x, network: true}'\n",
			"link.yaml":            text,
			"git@here:org/repo":    "images: [{name: a, newTag: b}]\n", // is there, and not what kustomize takes the name for
		}
		mustFail(t, files(content), ".")
		content["kustomization.yaml"] = "-> link.yaml"
		mustFail(t, files(content), ".")
		content["kustomization.yaml"] = "resources: [d.yaml]\ncomponents: [c.yaml]\n"
		if text == "resources: [l]" {
			continue
		}
		mustFail(t, files(content), ".")
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests were made", n)
	}
	if names, err := os.ReadFile(ran); err == nil {
		t.Errorf("these were run:\n%s", names)
	}
}
