package render_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheFileAtFaultComesFirst(t *testing.T) {
	wantRefusals(t, []refusal{
		{"no kustomization", map[string]string{"a/x.yaml": ""}, "a", "a: no kustomization.yaml in this folder"},
		{"no kustomization in the root", map[string]string{"a/x.yaml": ""}, ".", "the repository's root: no kustomization.yaml in this folder"},
		{"no such folder", map[string]string{"a/x.yaml": ""}, "b", "b: no such file or folder"},
		{"a file for a folder", map[string]string{"a/x.yaml": ""}, "a/x.yaml", "a/x.yaml is a file; name the folder of the kustomization"},
		{"a folder outside", map[string]string{"a/x.yaml": ""}, "../a", "../a is outside the repository"},
		{"two kustomizations", map[string]string{"kustomization.yaml": "resources: []", "Kustomization": "resources: []"}, "", "the repository's root: more than one kustomization in this folder: kustomization.yaml, Kustomization"},
		{"no kustomization in a base", map[string]string{"o/kustomization.yaml": "resources:\n- ../base", "base/a.yaml": configMap}, "o", "o/kustomization.yaml:2: resources: base: no kustomization.yaml in this folder"},
		{"two kustomizations in a base", map[string]string{"o/kustomization.yaml": "resources:\n- ../base", "base/kustomization.yaml": "namePrefix: a", "base/kustomization.yml": "namePrefix: a"}, "o", "o/kustomization.yaml:2: resources: base: more than one kustomization in this folder: kustomization.yaml, kustomization.yml"},
		{"malformed base", map[string]string{"o/kustomization.yaml": "resources:\n- ../base", "base/kustomization.yaml": "resources:\n- a.yaml\n  b: c\n"}, "o", "base/kustomization.yaml:3: mapping values are not allowed in this context"},
		{"empty base", map[string]string{"o/kustomization.yaml": "resources:\n- ../base", "base/kustomization.yaml": "# nothing"}, "o", "base/kustomization.yaml: the kustomization is empty"},
		{"unknown field of a patch", map[string]string{"kustomization.yaml": "patches:\n- pathh: a.yaml\n"}, "", "kustomization.yaml:2: unknown field pathh"},
		{"missing resource", map[string]string{"o/kustomization.yaml": "resources:\n- ../base", "base/kustomization.yaml": "namePrefix: a-\nresources:\n- a.yaml\n- b.yaml", "base/a.yaml": configMap}, "o", "base/kustomization.yaml:4: resources: b.yaml: no such file or folder"},
		{"missing patch", map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: p.yaml", "a.yaml": configMap}, "", "kustomization.yaml:3: patches: p.yaml: no such file or folder"},
		{"missing generator file", map[string]string{"kustomization.yaml": "configMapGenerator:\n- name: x\n  files:\n  - key=p.txt", "a.yaml": configMap}, "", "kustomization.yaml:4: configMapGenerator: p.txt: no such file or folder"},
		{"missing component", map[string]string{"kustomization.yaml": "resources: [a.yaml]\ncomponents:\n- image-tag.yaml", "a.yaml": configMap}, "", "kustomization.yaml:3: components: image-tag.yaml: no such file or folder"},
		{"file where a folder goes on", map[string]string{"kustomization.yaml": "resources: [a.yaml/b.yaml]\n", "a.yaml": configMap}, "", "kustomization.yaml:1: resources: a.yaml/b.yaml: a file stands where the path goes on as if it were a folder"},
		{"folder where a file is wanted", map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: p\n", "a.yaml": configMap, "p/x": ""}, "", "kustomization.yaml:3: patches: p is a folder, and a file is wanted"},
		{"resource above the root", map[string]string{"o/kustomization.yaml": "resources:\n- ../../a.yaml"}, "o", "o/kustomization.yaml:2: resources: ../../a.yaml is outside the repository"},
		{"component above the root", map[string]string{"o/kustomization.yaml": "components:\n- ../../x"}, "o", "o/kustomization.yaml:2: components: ../../x is outside the repository"},
		{"resource beside the kustomization", map[string]string{"o/kustomization.yaml": "resources:\n- ../a.yaml", "a.yaml": configMap}, "o", "o/kustomization.yaml:2: resources: ../a.yaml lies outside o; kustomize reads files only from the kustomization's own folder and below it (a folder with a kustomization of its own may lie anywhere in the repository)"},
		{"absolute path", map[string]string{"kustomization.yaml": "resources:\n- /etc/passwd"}, "", "kustomization.yaml:2: resources: /etc/passwd is an absolute path; name it relative to the repository's root"},
		{"base that lists its overlay", map[string]string{"o/kustomization.yaml": "resources: [../base]", "base/kustomization.yaml": "resources: [../o]"}, "o", "base/kustomization.yaml:1: resources: ../o leads back to what is being built"},
		{"itself", map[string]string{"o/kustomization.yaml": "resources:\n- ."}, "o", "o/kustomization.yaml:2: resources: . leads back to what is being built"},
		{"no kind", map[string]string{"kustomization.yaml": "resources: [a.yaml]", "a.yaml": configMap + "---\napiVersion: v1\nmetadata: {name: x}\n"}, "", "a.yaml:6: the object has no kind"},
		{"no name", map[string]string{"kustomization.yaml": "resources: [a.yaml]", "a.yaml": "apiVersion: v1\nkind: Secret\n"}, "", "a.yaml:1: the Secret has no metadata.name"},
		{"the same object in two files", map[string]string{"o/kustomization.yaml": "resources: [../base, b.yaml]", "base/kustomization.yaml": "resources: [a.yaml]", "base/a.yaml": configMap, "o/b.yaml": "# mine\n" + configMap}, "o", "o/b.yaml:2: the ConfigMap settings is defined twice, first at base/a.yaml:1"},
		{"the same base by two ways", map[string]string{"kustomization.yaml": "resources: [x, z]", "x/kustomization.yaml": "resources: [../base]", "z/kustomization.yaml": "resources: [../base]", "base/kustomization.yaml": "resources: [a.yaml]", "base/a.yaml": configMap}, "", "base/a.yaml:1: the ConfigMap settings is rendered twice; does more than one path lead to this file?"},
		{"a generated object and one in a file", map[string]string{"kustomization.yaml": "resources: [a.yaml]\ngeneratorOptions: {disableNameSuffixHash: true}\nconfigMapGenerator: [{name: settings}]\n", "a.yaml": configMap}, "", "a.yaml:1: the ConfigMap settings is there, and is generated too; the generator must say behavior: merge or replace"},
		{"a patch for nothing", map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: p.yaml", "a.yaml": configMap, "p.yaml": strings.ReplaceAll(configMap, "settings", "other")}, "", "kustomization.yaml: no resource matches strategic merge patch \"ConfigMap.v1.[noGrp]/other.[noNs]\": no matches for Id ConfigMap.v1.[noGrp]/other.[noNs]; failed to find unique target for patch ConfigMap.v1.[noGrp]/other.[noNs]"},
		{"a JSON patch that does not fit", map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: p.yaml\n  target: {kind: ConfigMap}", "a.yaml": configMap, "p.yaml": "- {op: remove, path: /data/x}"}, "", "kustomization.yaml: remove operation does not apply: doc is missing path: \"/data/x\": missing value"},
		{"an internal annotation", map[string]string{"kustomization.yaml": "resources: [a.yaml]\nnamePrefix: a-\n", "a.yaml": configMap + "  annotations:\n    internal.config.kubernetes.io/previousNames: a,b\n"}, "", "a.yaml:1: the ConfigMap carries kustomize's own annotation internal.config.kubernetes.io/previousNames; remove it"},
		{"an internal annotation in a base", map[string]string{"kustomization.yaml": "resources: [base]\nnamePrefix: a-\n", "base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": configMap + "  annotations:\n    internal.config.kubernetes.io/prefixes: a,b\n    internal.config.kubernetes.io/previousKinds: a,b\n    internal.config.kubernetes.io/previousNames: a\n    internal.config.kubernetes.io/previousNamespaces: a\n"}, "", "base/a.yaml:1: the ConfigMap carries kustomize's own annotation internal.config.kubernetes.io/prefixes; remove it"},
		{"an image name that is no expression", map[string]string{"kustomization.yaml": "resources: [d.yaml]\nimages:\n- name: 'a('\n  newTag: x\n", "d.yaml": deployment}, "", "kustomization.yaml:3: images: kustomize takes the name \"a(\" for a regular expression, and it is none: error parsing regexp: missing closing ): `^a(`"},
		{"a var of nothing", map[string]string{"kustomization.yaml": "resources: [d.yaml]\nvars:\n- name: X\n  objref: {apiVersion: v1, kind: Secret, name: x}\n", "d.yaml": deployment}, "", "kustomization.yaml: var '{X Secret.v1.[noGrp] {metadata.name}}' cannot be mapped to a field in the set of known resources"},
		{"a replacement of nothing", map[string]string{"kustomization.yaml": "resources: [d.yaml]\nreplacements:\n- source: {kind: Secret, name: x}\n  targets: [{select: {kind: Deployment}, fieldPaths: [metadata.name]}]\n", "d.yaml": deployment}, "", "kustomization.yaml: nothing selected by Secret.[noVer].[noGrp]/x.[noNs]"},
		{"replicas of nothing", map[string]string{"kustomization.yaml": "resources: [d.yaml]\nreplicas:\n- name: other\n  count: 1\n", "d.yaml": deployment}, "", "kustomization.yaml: resource with name other does not match a config with the following GVK [Deployment.[noVer].[noGrp] StatefulSet.[noVer].[noGrp] ReplicaSet.[noVer].[noGrp] ReplicationController.[noVer].[noGrp]]"},
		{"a space in a path", map[string]string{"kustomization.yaml": "resources:\n- 'a b.yaml'\n"}, "", "kustomization.yaml:2: resources: a b.yaml: no such file or folder"},
		{"a line break in a path", map[string]string{"kustomization.yaml": "resources:\n- \"a\\nb.yaml\"\n"}, "", "kustomization.yaml:2: resources: a\nb.yaml: no such file or folder"},
		{"a path longer than a file name may be", map[string]string{"kustomization.yaml": "resources:\n- " + strings.Repeat("a", 300) + "\n"}, "", "kustomization.yaml:2: resources: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: no such file or folder"},
		{"NUL in a path", map[string]string{"kustomization.yaml": "resources:\n- \"a\\0b.yaml\"\n"}, "", "kustomization.yaml:2: resources: a\x00b.yaml: no such file or folder"},
	})
}

func TestAComponentFileAtFaultIsNamed(t *testing.T) {
	tree := func(component string, more ...string) map[string]string {
		content := map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\ncomponents:\n- c.yaml\n", "o/d.yaml": deployment, "o/c.yaml": component}
		for i := 0; i+1 < len(more); i += 2 {
			content[more[i]] = more[i+1]
		}
		return content
	}
	wantRefusals(t, []refusal{
		{"wrong kind", tree("kind: Deployment\n"), "o", "o/c.yaml:1: is listed as a component at o/kustomization.yaml:3 and says kind: Deployment; a component that is a file says kind: Kustomization or kind: Component"},
		{"kind in the wrong case", tree("kind: component\n"), "o", "o/c.yaml:1: is listed as a component at o/kustomization.yaml:3 and says kind: component; a component that is a file says kind: Kustomization or kind: Component"},
		{"wrong apiVersion", tree("apiVersion: v1\nkind: Kustomization\n"), "o", "o/c.yaml:1: is listed as a component at o/kustomization.yaml:3 and says apiVersion: v1; a component that is a file says kustomize.config.k8s.io/v1beta1 or kustomize.config.k8s.io/v1alpha1"},
		{"a list", tree("- a\n"), "o", "o/c.yaml:1: the kustomization is a list, and kustomize wants a map"},
		{"empty", tree("# nothing\n"), "o", "o/c.yaml: the kustomization is empty"},
		{"malformed", tree("images:\n- name: a\n  newTag: b\n c: d\n"), "o", "o/c.yaml:3: did not find expected key"},
		{"unknown field", tree("kind: Component\nimages:\n- name: a\nimage:\n- b\n"), "o", "o/c.yaml:4: unknown field image; did you mean images?"},
		{"wrong type", tree("images: {name: a}\n"), "o", "o/c.yaml:1: images is a map, and kustomize wants a list"},
		{"itself", tree("components:\n- c.yaml\n"), "o", "o/c.yaml:2: components: c.yaml leads back to what is being built"},
		{"its own folder", tree("resources:\n- .\n"), "o", "o/c.yaml:2: resources: . leads back to what is being built"},
		{"its own folder by name", tree("resources:\n- ../o\n"), "o", "o/c.yaml:2: resources: ../o leads back to what is being built"},
		{"two that list each other", tree("components: [e.yaml]\n", "o/e.yaml", "components: [c.yaml]\n"), "o", "o/e.yaml:1: components: c.yaml leads back to what is being built"},
		{"a resource of it is missing", tree("resources:\n- x.yaml\n"), "o", "o/c.yaml:2: resources: x.yaml: no such file or folder"},
		{"a patch of it is malformed", tree("patches:\n- path: p.yaml\n", "o/p.yaml", "a: b\n c: d\n"), "o", "o/p.yaml:2: mapping values are not allowed in this context"},
		{"a patch of it matches nothing", tree("patches:\n- path: p.yaml\n", "o/p.yaml", configMap), "o", "o/c.yaml: no resource matches strategic merge patch \"ConfigMap.v1.[noGrp]/settings.[noNs]\": no matches for Id ConfigMap.v1.[noGrp]/settings.[noNs]; failed to find unique target for patch ConfigMap.v1.[noGrp]/settings.[noNs]"},
		{"a file of it lies beside its folder", tree("configMapGenerator:\n- name: x\n  files:\n  - ../x.txt\n", "x.txt", "x"), "o", "o/c.yaml:4: configMapGenerator: ../x.txt lies outside o; kustomize reads files only from the kustomization's own folder and below it (a folder with a kustomization of its own may lie anywhere in the repository)"},
		{"it names a file above the root", tree("resources:\n- ../../x.yaml\n"), "o", "o/c.yaml:2: resources: ../../x.yaml is outside the repository"},
		{"a remote resource of it", tree("kind: Component\nresources:\n- https://example.com/a.yaml\n"), "o", "o/c.yaml:3: resources: https://example.com/a.yaml is remote, and Tidegate fetches nothing; copy it into the repository"},
		{"it is a resource too, listed before", map[string]string{"kustomization.yaml": "resources:\n- c.yaml\ncomponents:\n- c.yaml\n", "c.yaml": imageTag}, "", "c.yaml: is listed under components at kustomization.yaml:4 and under resources at kustomization.yaml:2; it cannot be both"},
		{"it is a resource elsewhere, read before", map[string]string{"kustomization.yaml": "resources:\n- base\n- o\n", "base/kustomization.yaml": "resources: [c.yaml]\n", "base/c.yaml": configMap, "o/kustomization.yaml": "components:\n- ../base/c.yaml\n"}, "", "base/c.yaml: is listed under components at o/kustomization.yaml:2 and under resources at base/kustomization.yaml:1; it cannot be both"},
		{"it is a resource elsewhere, read after", map[string]string{"kustomization.yaml": "resources:\n- o\n- base\n", "base/kustomization.yaml": "resources: [c.yaml]\n", "base/c.yaml": imageTag, "o/kustomization.yaml": "resources: [d.yaml]\ncomponents:\n- ../base/c.yaml\n", "o/d.yaml": deployment}, "", "base/c.yaml: is listed under components at o/kustomization.yaml:3 and under resources at base/kustomization.yaml:1; it cannot be both"},
		{"it is a resource by another name", map[string]string{"kustomization.yaml": "resources:\n- l.yaml\ncomponents:\n- c.yaml\n", "c.yaml": imageTag, "l.yaml": "-> c.yaml"}, "", "c.yaml: is listed under components at kustomization.yaml:4 and under resources at kustomization.yaml:2; it cannot be both"},
		{"it is a patch too", map[string]string{"kustomization.yaml": "resources:\n- d.yaml\ncomponents:\n- c.yaml\npatches:\n- path: c.yaml\n", "c.yaml": imageTag, "d.yaml": deployment}, "", "c.yaml: is listed under components at kustomization.yaml:4 and under patches at kustomization.yaml:6; it cannot be both"},
		{"a folder of kind Kustomization", map[string]string{"kustomization.yaml": "resources: [d.yaml]\ncomponents:\n- c\n", "c/kustomization.yaml": imageTag, "d.yaml": deployment}, "", "kustomization.yaml:3: components: c is listed as a component, and c/kustomization.yaml:2 does not say kind: Component"},
		{"a folder of kind Component as a resource", map[string]string{"kustomization.yaml": "resources:\n- c\n", "c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: a-\n"}, "", "kustomization.yaml:2: resources: c/kustomization.yaml:2 says kind: Component; list c under components"},
	})
}

func TestNothingIsFetched(t *testing.T) {
	var refusals []refusal
	for _, url := range []string{
		"https://github.com/org/repo//base?ref=v1", "http://127.0.0.1/a.yaml", "HTTPS://example.com/a.yaml", "github.com/org/repo/base",
		"github.com:org/repo", "GitHub.com/org/repo", "git@github.com:org/repo.git//base", "user@example.com:org/repo.git", "ssh://git@example.com/org/repo",
		"git::https://example.com/org/repo.git", "GIT::ssh://example.com/org/repo", "file:///tmp/repo", "org-1@host:x/y", "https://dev.azure.com/o/p/_git/r",
	} {
		refusals = append(refusals, refusal{url, map[string]string{"o/kustomization.yaml": "resources:\n- '" + url + "'\n"}, "o",
			fmt.Sprintf("o/kustomization.yaml:2: resources: %s is remote, and Tidegate fetches nothing; copy it into the repository", url)})
	}
	for _, field := range []struct{ name, text string }{
		{"Resources", "Resources:\n- URL\n"}, {"bases", "bases:\n- URL\n"}, {"components", "components:\n- URL\n"},
		{"generators", "generators:\n- URL\n"}, {"transformers", "transformers:\n- URL\n"}, {"validators", "validators:\n- URL\n"},
		{"crds", "crds:\n- URL\n"}, {"configurations", "configurations:\n- URL\n"}, {"openapi", "openapi:\n  path: URL\n"},
		{"replacements", "replacements:\n- path: URL\n"}, {"patches", "patches:\n- path: URL\n"}, {"patchesJson6902", "patchesJson6902:\n- path: URL\n"},
		{"patchesStrategicMerge", "patchesStrategicMerge:\n- URL\n"}, {"configMapGenerator", "configMapGenerator:\n- {name: a, files: [URL]}\n"},
		{"secretGenerator", "secretGenerator:\n- {name: a, files: [key=URL]}\n"}, {"configMapGenerator envs", "configMapGenerator:\n- {name: a, envs: [URL]}\n"},
		{"configMapGenerator env", "configMapGenerator:\n- {name: a, env: URL}\n"},
	} {
		name, _, _ := strings.Cut(strings.Replace(field.name, "R", "r", 1), " ")
		refusals = append(refusals, refusal{field.name, map[string]string{"o/kustomization.yaml": strings.ReplaceAll(field.text, "URL", "https://example.com/a")}, "o",
			fmt.Sprintf("o/kustomization.yaml:2: %s: https://example.com/a is remote, and Tidegate fetches nothing; copy it into the repository", name)})
	}
	wantRefusals(t, refusals)
}

func TestNothingIsExecutedOrInflated(t *testing.T) {
	function := "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      "
	tree := func(field, file string) map[string]string {
		return map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\n" + field + ":\n- t.yaml\n", "o/d.yaml": deployment, "o/t.yaml": file}
	}
	var refusals []refusal
	for _, field := range []string{"generators", "transformers", "validators"} {
		refusals = append(refusals,
			refusal{field + " exec", tree(field, function+"exec: {path: ./run.sh}\n"), "o", "o/t.yaml:1: Thing is a function to execute, and Tidegate executes nothing; commit what it generates"},
			refusal{field + " container", tree(field, "# one\n"+function+"container: {image: example.com/x, network: true}\n"), "o", "o/t.yaml:2: Thing is a function to execute, and Tidegate executes nothing; commit what it generates"},
			refusal{field + " starlark", tree(field, function+"starlark: {path: x.star}\n"), "o", "o/t.yaml:1: Thing is a function to execute, and Tidegate executes nothing; commit what it generates"},
			refusal{field + " plugin", tree(field, "apiVersion: someteam.example.com/v1\nkind: SedTransformer\nmetadata: {name: x}\n"), "o", "o/t.yaml:1: SedTransformer is an external plugin, and Tidegate executes nothing; commit what it generates"},
			refusal{field + " Helm", tree(field, "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: minecraft\nrepo: http://127.0.0.1:1/\n"), "o", "o/t.yaml:1: Tidegate does not inflate Helm charts; commit what `helm template` prints"},
			refusal{field + " inline", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\n" + field + ":\n- |-\n  " + strings.ReplaceAll(function, "\n", "\n  ") + "exec: {path: ./run.sh}\n", "o/d.yaml": deployment}, "o", "o/kustomization.yaml:3: " + field + ": Thing is a function to execute, and Tidegate executes nothing; commit what it generates"},
			refusal{field + " inline Helm", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\n" + field + ":\n- '{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: x}, name: minecraft, repo: http://127.0.0.1:1/}'\n", "o/d.yaml": deployment}, "o", "o/kustomization.yaml:3: " + field + ": Tidegate does not inflate Helm charts; commit what `helm template` prints"},
			refusal{field + " folder", map[string]string{"o/kustomization.yaml": "resources: [d.yaml]\n" + field + ":\n- t\n", "o/d.yaml": deployment, "o/t/kustomization.yaml": "resources:\n- t.yaml\n", "o/t/t.yaml": function + "exec: {path: ./run.sh}\n"}, "o", "o/t/t.yaml:1: Thing is a plugin or a function, and Tidegate executes nothing; commit what it generates"},
			refusal{field + " fetches a file", tree(field, "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: http://127.0.0.1:1/x\ntarget: {kind: Deployment}\n"), "o", "o/t.yaml:4: http://127.0.0.1:1/x is remote, and Tidegate fetches nothing; copy it into the repository"},
		)
	}
	refusals = append(refusals,
		refusal{"helmCharts", map[string]string{"o/kustomization.yaml": "helmCharts:\n- name: minecraft\n  repo: http://127.0.0.1:1/\n"}, "o", "o/kustomization.yaml:2: helmCharts: Tidegate does not inflate Helm charts; commit what `helm template minecraft` prints, or give the chart an Application of its own"},
		refusal{"HelmCharts in a base", map[string]string{"o/kustomization.yaml": "resources: [b]\n", "o/b/kustomization.yaml": "HelmCharts:\n- repo: http://127.0.0.1:1/\n  name: minecraft\n"}, "o", "o/b/kustomization.yaml:3: helmCharts: Tidegate does not inflate Helm charts; commit what `helm template minecraft` prints, or give the chart an Application of its own"},
		refusal{"helmChartInflationGenerator", map[string]string{"o/kustomization.yaml": "helmChartInflationGenerator:\n- chartName: minecraft\n"}, "o", "o/kustomization.yaml:2: helmChartInflationGenerator: Tidegate does not inflate Helm charts; commit what `helm template minecraft` prints, or give the chart an Application of its own"},
	)
	wantRefusals(t, refusals)
}

func TestNoPathReachesWhatOnlyKustomizeSees(t *testing.T) {
	for path, want := range map[string]string{
		"../../@repository/base": "o/kustomization.yaml:2: resources: ../../@repository/base is outside the repository",
		"../../@component/1/o":   "o/kustomization.yaml:2: resources: ../../@component/1/o is outside the repository",
		"/@repository/o/a.yaml":  "o/kustomization.yaml:2: resources: /@repository/o/a.yaml is an absolute path; name it relative to o",
		"/@component/1/o/a.yaml": "o/kustomization.yaml:2: resources: /@component/1/o/a.yaml is an absolute path; name it relative to o",
	} {
		tree := files(map[string]string{
			"base/kustomization.yaml": "resources: [a.yaml]", "base/a.yaml": configMap,
			"o/kustomization.yaml": "resources:\n- " + path + "\ncomponents: [c.yaml]\n", "o/c.yaml": imageTag, "o/a.yaml": configMap,
		})
		if got, err := build(t, tree, "o"); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s\n%s", path, err, want, got)
		}
	}
}
