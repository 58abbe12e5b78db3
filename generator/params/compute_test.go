package params_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

const header = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
`

const plain = header + `defaults: {project: p, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - {name: staging, clusterSelector: {matchLabels: {tier: staging}}}
  - {name: production, clusterSelector: {matchLabels: {tier: production}}, applicationName: "{service}-{environment}-{cluster}"}
`

// clusters are one for staging and two for production.
func clusters() []fleet.Cluster {
	return []fleet.Cluster{
		{Name: "eu", Server: "https://eu", Labels: map[string]string{"tier": "production", "region": "eu"}, Values: map[string]string{"REGION": "eu-west-1"}},
		{Name: "staging", Server: "https://kubernetes.default.svc", Labels: map[string]string{"tier": "staging"}},
		{Name: "us", Server: "https://us", Labels: map[string]string{"tier": "production", "region": "us"}},
	}
}

// world has a service for each list of environments, named api, worker, web …
func world(t *testing.T, document string, overlays ...[]string) params.World {
	t.Helper()
	declared, err := platform.Parse("tidegate.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	view := &catalog.View{Revision: "r1", Platform: declared}
	for i, environments := range overlays {
		service := catalog.Service{Name: []string{"api", "worker", "web"}[i]}
		for _, environment := range environments {
			service.Overlays = append(service.Overlays, catalog.Overlay{
				Environment: environment, Path: "services/" + service.Name + "/overlays/" + environment,
				Facts: catalog.Facts{Namespace: service.Name + "-" + environment, Known: true},
			})
		}
		view.Services = append(view.Services, service)
	}
	return params.World{View: view, Clusters: clusters()}
}

func compute(t *testing.T, world params.World, input params.Input) *params.Result {
	t.Helper()
	result, err := params.Compute(world, input)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func names(result *params.Result) []string {
	var out []string
	for _, set := range result.Sets {
		out = append(out, set.Name)
	}
	return out
}

func set(t *testing.T, result *params.Result, name string) params.Set {
	t.Helper()
	at := slices.IndexFunc(result.Sets, func(s params.Set) bool { return s.Name == name })
	if at < 0 {
		t.Fatalf("there is no %s among %v", name, names(result))
	}
	return result.Sets[at]
}

func TestEveryServiceGoesToEveryClusterOfItsEnvironments(t *testing.T) {
	result := compute(t, world(t, plain, []string{"production", "staging"}, []string{"staging"}), params.Input{})
	want := []string{"api-staging", "api-production-eu", "api-production-us", "worker-staging"}
	if diff := cmp.Diff(want, names(result)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestInputNarrowsTheAnswer(t *testing.T) {
	for _, test := range []struct {
		name, input string
		want        []string
	}{
		{"nothing", ``, []string{"api-staging", "api-production-eu", "api-production-us", "worker-staging", "worker-production-eu", "worker-production-us"}},
		{"a service", `services: ["worker"]`, []string{"worker-staging", "worker-production-eu", "worker-production-us"}},
		{"an environment", `environments: ["staging"]`, []string{"api-staging", "worker-staging"}},
		{"clusters", `clusterSelector: {"matchExpressions": [{"key": "region", "operator": "In", "values": ["us"]}]}`, []string{"api-production-us", "worker-production-us"}},
		{"all of it", `services: ["api"]; environments: ["production"]; clusterSelector: {"matchLabels": {"region": "eu"}}`, []string{"api-production-eu"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			input, err := params.ParseInput(parameters(test.input))
			if err != nil {
				t.Fatal(err)
			}
			result := compute(t, world(t, plain, []string{"staging", "production"}, []string{"staging", "production"}), input)
			if diff := cmp.Diff(test.want, names(result)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// parameters are written as "name: JSON; name: JSON".
func parameters(text string) v1alpha1.PluginParameters {
	out := v1alpha1.PluginParameters{}
	for _, one := range strings.Split(text, "; ") {
		if name, value, found := strings.Cut(one, ": "); found {
			out[name] = apiextensionsv1.JSON{Raw: []byte(value)}
		}
	}
	return out
}

func TestAnInputThatIsNotUnderstoodIsNamed(t *testing.T) {
	for _, test := range []struct{ name, input, want string }{
		{"unknown", `servces: ["api"]`, `input.parameters.servces: there is no such field; did you mean services?`},
		{"wrong type", `services: "api"`, `input.parameters.services: want a list, not "api"`},
		{"a number", `services: [1]`, `input.parameters.services[0]: want a string; write "1", in quotes`},
		{"null", `services: null`, `input.parameters.services: has no value; give one or leave it out`},
		{"empty", `services: []`, `input.parameters.services: is empty; leave it out for all`},
		{"unknown kind", `kind: "service"`, `input.parameters.kind: there is no kind "service"; did you mean services?`},
		{"services of clusters", `kind: "cluster-config"; services: ["api"]`, `input.parameters.services: cluster-config has none; narrow it with clusterSelector`},
		{"a selector that cannot be", `clusterSelector: {"matchExpressions": [{"key": "a", "operator": "Is"}]}`, `input.parameters.clusterSelector: "Is" is not a valid label selector operator`},
		{"no such service", `services: ["apis"]`, `input.parameters.services[0]: there is no service "apis"; did you mean api?`},
		{"no such environment", `environments: ["prod"]`, `input.parameters.environments[0]: there is no environment "prod"; there are production, staging`},
		{"nothing left", `clusterSelector: {"matchLabels": {"region": "mars"}}`, `input.parameters: nothing is left; an empty answer would delete every Application`},
	} {
		t.Run(test.name, func(t *testing.T) {
			input, err := params.ParseInput(parameters(test.input))
			if err == nil {
				_, err = params.Compute(world(t, plain, []string{"staging"}), input)
			}
			var wrong *params.InputError
			if !errors.As(err, &wrong) {
				t.Fatalf("%v is no InputError", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWhatWouldDeleteOrMixUpApplicationsIsRefused(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, test := range []struct {
		name   string
		change func(t *testing.T) params.World
		want   string
	}{
		{"an environment without clusters", func(t *testing.T) params.World {
			w := world(t, plain, []string{"staging"})
			w.Clusters = w.Clusters[:2]
			w.Clusters[0].Labels = nil
			return w
		}, "tidegate.yaml: environments[1] (production): clusterSelector tier=production matches none of the 2 clusters, so the environment would have no Applications"},
		{"no clusters", func(t *testing.T) params.World {
			w := world(t, header+"defaults: {project: p, repoURL: r, targetRevision: main}\nenvironments: [{name: staging, clusterSelector: {}}]", []string{"staging"})
			w.Clusters = nil
			return w
		}, "tidegate.yaml: environments[0] (staging): clusterSelector {} matches none of the 0 clusters, so the environment would have no Applications"},
		{"two clusters under one name", func(t *testing.T) params.World {
			return world(t, strings.Replace(plain, "-{cluster}", "", 1), []string{"production"})
		}, "tidegate.yaml: environments[1] (production): clusterSelector tier=production matches 2 clusters (eu, us), but applicationName {service}-{environment} does not tell them apart; {service}-{environment}-{cluster} does, and names the Applications anew"},
		{"an unknown environment", func(t *testing.T) params.World { return world(t, plain, []string{"stagin"}) },
			`services/api/overlays/stagin: there is no environment "stagin" in tidegate.yaml; did you mean staging?`},
		{"no namespace", func(t *testing.T) params.World {
			w := world(t, plain, []string{"staging"})
			w.View.Services[0].Overlays[0].Facts = catalog.Facts{NoNamespace: true, Broken: "services/api/overlays/staging: the kustomization says no namespace"}
			return w
		}, "services/api/overlays/staging: the kustomization says no namespace"},
		{"two Applications of one name", func(t *testing.T) params.World {
			w := world(t, plain, []string{"production"})
			w.View.Services = append(w.View.Services, catalog.Service{Name: "api-production", Overlays: []catalog.Overlay{{
				Environment: "staging", Path: "services/api-production/overlays/staging", Facts: catalog.Facts{Namespace: "x"},
			}}})
			w.View.Platform.Environments[0].ApplicationName = "{service}-eu"
			return w
		}, "services/api/overlays/production on cluster eu and services/api-production/overlays/staging on cluster staging would both be the Application api-production-eu; an environment's applicationName tells them apart"},
		{"a name that is too long", func(t *testing.T) params.World {
			w := world(t, plain, []string{"staging"})
			w.View.Services[0].Name = long
			return w
		}, "services/api/overlays/staging: the Application's name " + long + "-staging has 68 characters; Argo CD tracks resources by a label of at most 63. Shorten the name of the service, environment or cluster, or the rule applicationName"},
		{"a name that is no DNS name", func(t *testing.T) params.World {
			w := world(t, plain, []string{"production"})
			w.Clusters[0].Name = "arn:aws:eks/EU"
			return w
		}, `services/api/overlays/production: "api-production-arn:aws:eks/EU" cannot be the name of an Application: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'). The cluster's name is "arn:aws:eks/EU"; Argo CD's cluster Secret can give it another`},
		{"no project", func(t *testing.T) params.World {
			return world(t, strings.Replace(plain, "project: p, ", "", 1), []string{"staging"}, []string{"staging"})
		}, "tidegate.yaml: project is missing for the environment staging; say it there or in defaults"},
		{"no overlays", func(t *testing.T) params.World { return world(t, plain, nil) },
			"the repository has no services/<service>/overlays/<environment> at revision r1; an empty answer would delete every Application"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := params.Compute(test.change(t), params.Input{})
			var refusal *params.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("%v, %v: no Refusal", result, err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestABrokenOverlayKeepsItsApplicationAndIsReported(t *testing.T) {
	w := world(t, plain, []string{"staging"}, []string{"staging"})
	w.View.Services[0].Overlays[0].Facts = catalog.Facts{
		Namespace: "api-staging", Broken: "kustomization.yaml: no such file",
		Autoscaled: []catalog.Workload{{Group: "apps", Kind: "Deployment"}},
	}
	w.View.Services[1].Overlays[0].Facts.Broken, w.View.Services[1].Overlays[0].Outside = "it needs x", []string{"x/y"}
	result := compute(t, w, params.Input{})
	if diff := cmp.Diff([]string{"api-staging", "worker-staging"}, names(result)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := set(t, result, "api-staging").IgnoreDifferences; got != `[{"group":"apps","kind":"Deployment","jsonPointers":["/spec/replicas"]}]` {
		t.Error(got)
	}
	want := []params.Finding{
		{Kind: params.BrokenOverlay, Path: "services/api/overlays/staging", Message: "services/api/overlays/staging: cannot be rendered; its Application stays, with the replicas of all its workloads ignored, since nothing is known of its autoscalers: kustomization.yaml: no such file"},
		{Kind: params.BrokenOverlay, Path: "services/worker/overlays/staging", Message: "services/worker/overlays/staging: cannot be rendered; its Application stays, with what an earlier revision told: it needs x"},
		{Kind: params.ReadsOutside, Path: "services/worker/overlays/staging", Message: "services/worker/overlays/staging: reads x/y, which Argo CD neither sends to the plugin nor watches; name the folder under sharedFolders in tidegate.yaml"},
	}
	if diff := cmp.Diff(want, result.Findings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatYieldsNoApplicationIsReported(t *testing.T) {
	w := world(t, plain, []string{"staging"}, nil)
	w.View.Clusters = []catalog.ClusterConfig{{Cluster: "eu", Path: "clusters/eu/cluster-config"}, {Cluster: "mars", Path: "clusters/mars/cluster-config"}}
	for _, test := range []struct {
		kind    string
		names   []string
		finding params.Finding
	}{
		{params.Services, []string{"api-staging"}, params.Finding{Kind: params.NoOverlay, Path: "services/worker", Message: "services/worker: has no overlays/<environment>, and yields no Application"}},
		{params.ClusterConfig, []string{"cluster-config-eu"}, params.Finding{Kind: params.UnknownCluster, Path: "clusters/mars/cluster-config", Message: "clusters/mars/cluster-config: there is no cluster mars, so this yields no Application yet"}},
	} {
		result := compute(t, w, params.Input{Kind: test.kind})
		if diff := cmp.Diff(test.names, names(result)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff([]params.Finding{test.finding}, result.Findings); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestAutoscaledReplicasAreIgnoredOnceBesideWhatIsDeclared(t *testing.T) {
	const group = `group: apps, kind: Deployment`
	for _, test := range []struct{ name, declared, want string }{
		{"nothing declared", `[]`, `[{"group":"apps","kind":"Deployment","name":"api","jsonPointers":["/spec/replicas"]}]`},
		{"something else", `[{kind: ConfigMap, jsonPointers: [/data]}]`, `[{"kind":"ConfigMap","jsonPointers":["/data"]},{"group":"apps","kind":"Deployment","name":"api","jsonPointers":["/spec/replicas"]}]`},
		{"the same", `[{` + group + `, name: api, jsonPointers: [/spec/replicas]}]`, `[{"group":"apps","kind":"Deployment","name":"api","jsonPointers":["/spec/replicas"]}]`},
		{"that of all Deployments", `[{` + group + `, jsonPointers: [/spec/replicas]}]`, `[{"group":"apps","kind":"Deployment","jsonPointers":["/spec/replicas"]}]`},
		{"another field of it", `[{` + group + `, name: api, jsonPointers: [/spec/paused]}]`, `[{"group":"apps","kind":"Deployment","name":"api","jsonPointers":["/spec/paused","/spec/replicas"]}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world(t, strings.Replace(plain, "project: p,", "project: p, ignoreDifferences: "+test.declared+",", 1), []string{"staging"})
			w.View.Services[0].Overlays[0].Autoscaled = []catalog.Workload{{Group: "apps", Kind: "Deployment", Name: "api"}}
			for range 2 { // what was declared must not be changed by an answer
				if diff := cmp.Diff(test.want, compute(t, w, params.Input{}).Sets[0].IgnoreDifferences); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func TestValuesReachTheTemplateAndTheManifests(t *testing.T) {
	w := world(t, strings.Replace(plain, "project: p,", `project: p, values: {REGION: none, TIER: "1"}, plugin: {waves: minimal, floatingImages: refuse, substitutions: {ONLY: manifests}},`, 1), []string{"production"})
	result := compute(t, w, params.Input{})
	eu, us := set(t, result, "api-production-eu"), set(t, result, "api-production-us")
	if diff := cmp.Diff(map[string]string{"REGION": "eu-west-1", "TIER": "1"}, eu.Values); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const want = `[{"name":"floating-images","string":"refuse"},{"map":{"ONLY":"manifests","REGION":"eu-west-1","TIER":"1"},"name":"substitutions"},{"name":"waves","string":"minimal"}]`
	if diff := cmp.Diff(want, eu.PluginParameters); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if us.Values["REGION"] != "none" {
		t.Errorf("one cluster's values reach another: %v", us.Values)
	}
}

func TestOnlyDeclaredFoldersAreSentAndWatched(t *testing.T) {
	w := world(t, plain+"sharedFolders: [components]\nservices: {api: {sharedFolders: [charts/common]}}\n", []string{"staging"}, []string{"staging"})
	result := compute(t, w, params.Input{})
	for name, want := range map[string]string{"api-staging": "/services/api;/charts/common;/components", "worker-staging": "/services/worker;/components"} {
		if got := set(t, result, name).Annotations["argocd.argoproj.io/manifest-generate-paths"]; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestABatchIsKeptWhenOthersComeAndGo(t *testing.T) {
	batches := `, batches: [{name: canary, clusterSelector: {matchLabels: {region: us}}}, {name: first, share: 30%}, {name: rest}]}`
	document := strings.Replace(plain, `-{cluster}"}`, `-{cluster}"`+batches, 1)
	all := compute(t, world(t, document, []string{"production"}, []string{"production"}, []string{"production"}), params.Input{})
	for _, s := range all.Sets {
		if us := s.Cluster.Name == "us"; us != (s.Batch == "production-canary") {
			t.Errorf("%s is in %s", s.Name, s.Batch)
		}
		if s.Labels[params.BatchLabel] != s.Batch {
			t.Errorf("%s: batch %s, label %s", s.Name, s.Batch, s.Labels[params.BatchLabel])
		}
	}
	for _, s := range compute(t, world(t, document, []string{"production"}), params.Input{}).Sets {
		if was := set(t, all, s.Name).Batch; was != s.Batch {
			t.Errorf("%s was in %s and is in %s when others are gone", s.Name, was, s.Batch)
		}
	}
}

func TestSharesTakeThatManyAndMoveNobodyWhenClustersComeAndGo(t *testing.T) {
	batches := `, batches: [{name: canary, clusterSelector: {matchLabels: {region: us}}}, {name: first, share: 10%}, {name: second, share: 30%}, {name: rest}]}`
	w := world(t, strings.Replace(plain, `-{cluster}"}`, `-{cluster}"`+batches, 1), []string{"production"})
	production := w.Clusters[slices.IndexFunc(w.Clusters, func(c fleet.Cluster) bool { return c.Labels["tier"] == "production" && c.Labels["region"] != "us" })]
	w.Clusters = nil
	for i := range 1000 {
		cluster := production
		cluster.Name, cluster.Server = fmt.Sprintf("c%03d", i), fmt.Sprintf("https://c%03d", i)
		w.Clusters = append(w.Clusters, cluster)
	}
	all := compute(t, w, params.Input{Environments: []string{"production"}})
	in := map[string]int{}
	for _, s := range all.Sets {
		in[s.Batch]++
	}
	for batch, want := range map[string]int{"production-first": 100, "production-second": 300, "production-rest": 600} {
		if got := in[batch]; got < want*7/10 || got > want*13/10 {
			t.Errorf("%d of 1000 are in %s, want about %d: %v", got, batch, want, in)
		}
	}
	w.Clusters = append(slices.Clone(w.Clusters[:100]), w.Clusters[400:]...)
	for _, s := range compute(t, w, params.Input{Environments: []string{"production"}}).Sets {
		if was := set(t, all, s.Name).Batch; was != s.Batch {
			t.Errorf("%s was in %s and is in %s when clusters are gone", s.Name, was, s.Batch)
		}
	}
}

func TestEveryKeyIsThereAndNothingIsNull(t *testing.T) {
	w := world(t, header+"defaults: {project: p, repoURL: r, targetRevision: main, finalizers: []}\nenvironments: [{name: staging, clusterSelector: {}}]", []string{"staging"})
	w.Clusters = []fleet.Cluster{{Name: "c", Server: "https://c"}}
	encoded, err := json.Marshal(compute(t, w, params.Input{}).Answer())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"output":{"parameters":[{"tidegate":{"name":"api-staging","kind":"services","service":"api","environment":"staging",` +
		`"cluster":{"name":"c","server":"https://c","labels":{}},"namespace":"api-staging","project":"p","repoURL":"r","targetRevision":"main",` +
		`"path":"services/api/overlays/staging","batch":"staging","values":{},` +
		`"labels":{"tidegate.dev/batch":"staging","tidegate.dev/cluster":"c","tidegate.dev/environment":"staging","tidegate.dev/kind":"services","tidegate.dev/service":"api"},` +
		`"annotations":{"argocd.argoproj.io/manifest-generate-paths":"/services/api"},"finalizers":[],"pluginParameters":"[]","syncPolicy":"{}","ignoreDifferences":"[]"}}]}}`
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
