package cmpserver_test

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/test/cmpserver"
)

const (
	object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
	secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {password: hunter2}\n"
	// function is what kustomize would execute.
	function = "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: \"exec: {path: ./run.sh}\"\n"
)

// faults are what may be wrong with a folder, each with what its message begins with.
var faults = []struct {
	name  string
	files map[string]string
	want  string
}{
	{"broken YAML", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object + "data: {a: [}\n"}, "faulty/a.yaml:3: did not find expected node content"},
	{"a broken kustomization", map[string]string{"kustomization.yaml": "resources:\n- a.yaml\n b: c\n", "a.yaml": object}, "faulty/kustomization.yaml:"},
	{"an unknown field", map[string]string{"kustomization.yaml": "resource: [a.yaml]\n", "a.yaml": object}, "faulty/kustomization.yaml:1: unknown field resource; did you mean resources?"},
	{"a missing file", map[string]string{"kustomization.yaml": "resources:\n- gone.yaml\n"}, "faulty/kustomization.yaml:2: resources: gone.yaml: no such file or folder"},
	{"no kustomization", map[string]string{"a.yaml": object}, "faulty: no kustomization.yaml in this folder"},
	{"a plain Secret", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object + "---\n" + secret}, "faulty/a.yaml:5: Secret token"},
	{"many plain Secrets", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": manySecrets(15)}, "faulty/a.yaml:2: Secret token"},
	{"a remote base", map[string]string{"kustomization.yaml": "resources:\n- https://example.com/org/repo//base?ref=v1\n"}, "faulty/kustomization.yaml:2: resources: https://example.com/org/repo//base?ref=v1 is remote"},
	{"a path out of the repository", map[string]string{"kustomization.yaml": "resources:\n- ../../../etc/passwd\n"}, "faulty/kustomization.yaml:2: resources: ../../../etc/passwd is outside the repository"},
	{"an absolute path", map[string]string{"kustomization.yaml": "resources:\n- /etc/passwd\n"}, "faulty/kustomization.yaml:2: resources: /etc/passwd is an absolute path"},
	{"a function to execute", map[string]string{"kustomization.yaml": "resources: [a.yaml]\ngenerators: [f.yaml]\n", "a.yaml": object, "f.yaml": function}, "faulty/f.yaml:1: Thing is a function to execute, and Tidegate executes nothing"},
	{"a Helm chart", map[string]string{"kustomization.yaml": "helmCharts:\n- name: minecraft\n  repo: https://example.com\n"}, "faulty/kustomization.yaml:2: helmCharts: Tidegate does not inflate Helm charts"},
	{"a base that leads back", map[string]string{"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources:\n- ..\n"}, "faulty/base/kustomization.yaml:2: resources: .. leads back to what is being built"},
	{"an object twice", map[string]string{"kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "a.yaml": object, "b.yaml": object}, "faulty/b.yaml:1: the ConfigMap settings is defined twice, first at faulty/a.yaml:1"},
	{"too large a file", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object + "data: {a: " + strings.Repeat("a", 17<<20) + "}\n"}, "faulty/"},
	{"too many documents", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": strings.Repeat(object+"---\n", 21_000)}, "faulty/"},
	{"a value that nobody gives", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object + "data: {region: \"${REGION}\"}\n"}, "faulty/a.yaml:1: ConfigMap settings: data.region: ${REGION} has no value"},
	{"a schema that is none", map[string]string{"kustomization.yaml": "resources: [a.yaml]\nopenapi: {path: s.json}\npatches:\n- path: p.yaml\n", "a.yaml": object, "p.yaml": object, "s.json": "{\"definitions\": [1]}"}, "faulty/"},
	{"parameters in the repository", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object, ".argocd-source.yaml": "plugin: {parameters: []}\n"}, "faulty/.argocd-source.yaml"},
	{"what kustomize ends its process for", map[string]string{"kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: settings, behavior: merge, literals: [a=b]}]\n", "a.yaml": object + "data: {\"\": x}\n"}, "faulty/"},
	{"a file of Git's own", map[string]string{"kustomization.yaml": "configMapGenerator: [{name: settings, files: [vendored/.git/config]}]\n", "vendored/.git/config": "url = https://user:hunter2@example.com\n"}, "faulty/kustomization.yaml:1: configMapGenerator: vendored/.git/config: no such file or folder"},
	{"nothing", map[string]string{"kustomization.yaml": "resources: []\n"}, "faulty"},
}

func manySecrets(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString("---\n" + strings.Replace(secret, "token", "token-"+string(rune('a'+i)), 1))
	}
	return out.String()
}

// TestEveryFaultHasOneMessage compares what a person reads at a terminal and in Argo CD.
func TestEveryFaultHasOneMessage(t *testing.T) {
	said := map[string]string{} // by tidegate render
	repos := map[string]string{}
	for _, fault := range faults {
		files := map[string]string{}
		for name, content := range fault.files {
			files["faulty/"+name] = content
		}
		repos[fault.name] = copyExample(t, files)
		_, err := render(t, repos[fault.name], "faulty")
		if err == nil {
			t.Fatalf("%s: tidegate render has nothing against it", fault.name)
		}
		said[fault.name] = message(t, err, "exit status 1: ")
		if !strings.HasPrefix(said[fault.name], fault.want) || strings.Contains(said[fault.name], "hunter2") {
			t.Errorf("%s: tidegate render says\n  %s\nand should begin with\n  %s", fault.name, said[fault.name], fault.want)
		}
	}
	for mode, start := range map[string]struct {
		serve func(*testing.T) *cmpserver.Server
		after string
	}{"exec": {serve, "failed exit status 1: "}, "native": {serveNative, "desc = "}} {
		t.Run(mode, func(t *testing.T) {
			server := start.serve(t)
			for _, fault := range faults {
				manifests, err := server.Manifests(t.Context(), repos[fault.name], application("faulty"))
				if err == nil {
					t.Errorf("%s: Argo CD got %d manifests", fault.name, len(manifests))
					continue
				}
				if got := message(t, err, start.after); got != said[fault.name] {
					t.Errorf("%s: Argo CD shows\n  %s\nand tidegate render says\n  %s", fault.name, got, said[fault.name])
				}
			}
		})
	}
}

// message is what stands after the words of who passes it on.
func message(t *testing.T, err error, after string) string {
	t.Helper()
	_, text, found := strings.Cut(err.Error(), after)
	if !found {
		t.Fatalf("%q is not in %v", after, err)
	}
	return shown(strings.TrimSpace(text))
}
