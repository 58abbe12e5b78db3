package platform_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/internal/strict"
)

// head is what every tidegate.yaml begins with; what a test writes starts in line 3.
const head = "apiVersion: tidegate.dev/v1alpha1\nkind: Platform\n"

// whole is a head with all that an environment needs.
const whole = head + `defaults: {repoURL: https://example.com/repo, targetRevision: main}
environments:
  - name: staging
    clusterSelector: {}
`

func TestWhatIsWrongWithTidegateYAMLIsNamedWithFileLineAndTheNearestField(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{"empty", "", "tidegate.yaml: is empty; it begins with apiVersion: tidegate.dev/v1alpha1 and kind: Platform"},
		{"only a comment", "# soon\n", "tidegate.yaml: is empty; it begins with apiVersion: tidegate.dev/v1alpha1 and kind: Platform"},
		{"no YAML", head + "environments: [\n", "tidegate.yaml:3: is not YAML: did not find expected node content"},
		{"a list", "- a\n", `tidegate.yaml:1: kind: is ""; want Platform
tidegate.yaml:1: apiVersion: is ""; this version of Tidegate reads tidegate.dev/v1alpha1`},
		{"another kind", "apiVersion: tidegate.dev/v1alpha1\nkind: Kustomization\n", `tidegate.yaml:2: kind: is "Kustomization"; want Platform`},
		{"another version", "apiVersion: tidegate.dev/v2\nkind: Platform\n", `tidegate.yaml:1: apiVersion: is "tidegate.dev/v2"; this version of Tidegate reads tidegate.dev/v1alpha1`},
		{"two documents", whole + "---\n" + whole, "tidegate.yaml:8: is a second document; a platform is one"},
		{"no environments", head + "environments: []\n", "tidegate.yaml:3: environments: has no environment; without one there are no Applications"},
		{"environments missing", head + "defaults: {}\n", "tidegate.yaml:1: environments: has no environment; without one there are no Applications"},
		{"misspelt field", whole + "clusterConfg: {}\n", "tidegate.yaml:7: clusterConfg: there is no such field; did you mean clusterConfig?"},
		{"letters swapped", whole + "    nmae: x\n", "tidegate.yaml:7: environments[0].nmae: there is no such field; did you mean name?"},
		{
			"unknown field", whole + "kustomize: {}\n",
			"tidegate.yaml:7: kustomize: there is no such field; there are apiVersion, clusterConfig, defaults, environments, kind, services, sharedFolders",
		},
		{
			"misspelt field of Argo CD", whole + "    syncPolicy:\n      automated: {prune: true, selfheal: true}\n",
			"tidegate.yaml:8: environments[0].syncPolicy.automated.selfheal: there is no such field; did you mean selfHeal?",
		},
		{"field given twice", whole + "    project: a\n    project: b\n", "tidegate.yaml:8: environments[0].project: is given twice, first in line 7"},
		{"no value", whole + "    project:\n", "tidegate.yaml:7: environments[0].project: has no value; give one or leave it out"},
		{"a number for a string", whole + "    targetRevision: 1.10\n", `tidegate.yaml:7: environments[0].targetRevision: want a string; write "1.10", in quotes`},
		{"a string for a list", whole + "    finalizers: none\n", `tidegate.yaml:7: environments[0].finalizers: want a list, not "none"`},
		{"a string for fields", whole + "    syncPolicy: auto\n", `tidegate.yaml:7: environments[0].syncPolicy: want fields, not "auto"`},
		{"fields for a list", head + "environments:\n  staging: {}\n", "tidegate.yaml:3: environments: want a list, not fields"},
		{"yes for true", whole + "    syncPolicy: {automated: {prune: yes}}\n", `tidegate.yaml:7: environments[0].syncPolicy.automated.prune: want true or false, not "yes"`},
		{"a fraction", whole + "    syncPolicy: {retry: {limit: 1.5}}\n", `tidegate.yaml:7: environments[0].syncPolicy.retry.limit: want a whole number, not "1.5"`},
		{"a merge key", whole + "    <<: {project: a}\n", "tidegate.yaml:7: environments[0].<<: merge keys are not read here; write the fields out"},
		{
			"everything at once", head + "environments:\n  - nam: staging\n    clusterSelector: []\nservice: {}\n",
			`tidegate.yaml:4: environments[0].nam: there is no such field; did you mean name?
tidegate.yaml:5: environments[0].clusterSelector: want fields, not a list
tidegate.yaml:6: service: there is no such field; did you mean services?`,
		},
		{"duplicate environments", whole + "  - {name: staging, clusterSelector: {}}\n", "tidegate.yaml:7: environments[1].name: staging is in line 5 already"},
		{"no selector", whole + "  - name: production\n", "tidegate.yaml:7: environments[1]: clusterSelector is missing; {} picks every cluster"},
		{
			"a selector that cannot be", whole + "  - name: production\n    clusterSelector: {matchExpressions: [{key: tier, operator: Is}]}\n",
			`tidegate.yaml:8: environments[1].clusterSelector: "Is" is not a valid label selector operator`,
		},
		{
			"a name that cannot be", whole + "  - {name: Production_EU, clusterSelector: {}}\n",
			`tidegate.yaml:7: environments[1].name: "Production_EU" cannot be used: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
		},
		{"no repository", head + "environments: [{name: staging, clusterSelector: {}}]\n", `tidegate.yaml:3: environments[0]: repoURL is missing; say it here or in defaults
tidegate.yaml:3: environments[0]: targetRevision is missing; say it here or in defaults`},
		{"a misspelt placeholder", whole + "    applicationName: '{service}-{enviroment}'\n", "tidegate.yaml:7: environments[0].applicationName: there is no placeholder {enviroment}; did you mean {environment}?"},
		{"a name for all", whole + "    applicationName: '{environment}'\n", "tidegate.yaml:7: environments[0].applicationName: must contain {service}, or all Applications would have the same name"},
		{"a share of too much", whole + "    batches: [{name: a, share: 110%}, {name: b}]\n", `tidegate.yaml:7: environments[0].batches[0].share: want a share from 1% to 100%, not "110%"`},
		{"no last batch", whole + "    batches: [{name: a, share: 10%}]\n", "tidegate.yaml:7: environments[0].batches[0]: is the last batch and takes what is left: without clusterSelector, without share"},
		{"a batch that takes all", whole + "    batches: [{name: a}, {name: b}]\n", "tidegate.yaml:7: environments[0].batches[0]: takes all, and leaves nothing to those after it: give it a clusterSelector or a share"},
		{"a reserved annotation", whole + "    annotations: {argocd.argoproj.io/manifest-generate-paths: .}\n", "tidegate.yaml:7: environments[0].annotations.argocd.argoproj.io/manifest-generate-paths: is written by Tidegate; leave it out"},
		{"a duration", whole + "    syncPolicy: {retry: {backoff: {duration: 5 sec}}}\n", `tidegate.yaml:7: environments[0].syncPolicy.retry.backoff.duration: "5 sec" is not a duration such as 30s or 3m`},
		{"a pointer", whole + "    ignoreDifferences: [{kind: Deployment, jsonPointers: [spec.replicas]}]\n", `tidegate.yaml:7: environments[0].ignoreDifferences[0].jsonPointers[0]: "spec.replicas" is no JSON pointer: want /spec/replicas`},
		{"a value's name", whole + "    values: {region-name: eu}\n", `tidegate.yaml:7: environments[0].values.region-name: "region-name" cannot be the name of a value: want letters, digits and underscores, no digit first`},
		{"waves", whole + "    plugin: {waves: tides}\n", `tidegate.yaml:7: environments[0].plugin.waves: "tides" is none of tiers, minimal, off`},
		{"an override of no environment", whole + "services: {payments-api: {environments: {stagin: {}}}}\n", "tidegate.yaml:7: services.payments-api.environments.stagin: there is no such environment; did you mean staging?"},
		{"a shared folder in another", whole + "sharedFolders: [components, components/logging]\n", `tidegate.yaml:7: sharedFolders[1]: "components/logging" and "components" lie in one another; name the outer one`},
		{"a shared folder outside", whole + "sharedFolders: [../other]\n", `tidegate.yaml:7: sharedFolders[0]: "../other" is not a folder of the repository; write it relative to the root: components/common`},
		{
			"a long text that many aliases name", whole + "    annotations: {a: &a " + strings.Repeat("x", 64<<10) + "}\n    labels: {" + manyOf(2000, "*a") + "}\n",
			"tidegate.yaml:7: is too large or too deeply nested; does an alias name what it lies in?",
		},
		{"a service as a shared folder", whole + "sharedFolders: [services/common]\n", `tidegate.yaml:7: sharedFolders[0]: "services/common": every folder below services is a service; a shared one lies elsewhere`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := platform.Parse("tidegate.yaml", []byte(test.document))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, err)
			}
		})
	}
}

// TestKeysCountToo: what there is no field for has a line in the errors, however often aliases name it.
func TestKeysCountToo(t *testing.T) {
	_, err := platform.Parse("tidegate.yaml", []byte(whole+"services: {a: &x {"+manyOf(2000, "1")+"}, "+manyOf(2000, "*x")+"}\n"))
	var all strict.Errors
	if !errors.As(err, &all) || len(all) > 1<<19 || !strings.Contains(all[len(all)-1].Message, "is too large or too deeply nested") {
		t.Errorf("%d errors: %.1000v", len(all), err)
	}
}

// manyOf are fields of one value.
func manyOf(n int, value string) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("k%d: %s", i, value))
	}
	return strings.Join(out, ", ")
}

func TestTheExampleIsRead(t *testing.T) {
	content, err := os.ReadFile("../../examples/gitops-platform/tidegate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := platform.Parse("tidegate.yaml", content); err != nil {
		t.Fatal(err)
	}
}

func FuzzTidegateYAML(f *testing.F) {
	example, err := os.ReadFile("../../examples/gitops-platform/tidegate.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(whole))
	f.Add([]byte(whole + "    values: &a {A: b}\n    annotations: *a\n"))
	f.Add([]byte(whole + "    plugin: {references: &a [{x: *a}]}\n"))
	f.Add([]byte(whole + "    ? [a]\n    : b\n"))
	f.Fuzz(func(t *testing.T, document []byte) {
		parsed, err := platform.Parse("tidegate.yaml", document)
		if (parsed == nil) == (err == nil) {
			t.Fatalf("a platform or an error, not %v and %v", parsed, err)
		}
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a word")
			}
			return
		}
		for _, environment := range parsed.Environments {
			parsed.For("payments-api", environment.Name, nil)
		}
	})
}
