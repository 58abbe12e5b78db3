package guard_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/internal/platform"
)

// Somebody waits for a new Application while a source is in doubt. Who is told to look at the ApplicationSet's input, or
// that there is no such thing, looks in the wrong place.
func TestWhySaysThatNothingNewComesWhileASourceIsInDoubt(t *testing.T) {
	w := newWorld(t, "api")
	g := w.guard(&said{})
	w.answered(t, g)
	w.commit(t, "api", "new")
	const doubt = "cluster Secrets may not be listed"
	ask := func() *guard.Explanation {
		explanation, err := g.Why(t.Context(), "argocd", "new-staging")
		if err != nil {
			t.Fatal(err)
		}
		return explanation
	}
	for _, source := range []struct {
		name string
		is   func()
	}{
		{"the clusters are", func() { w.doubt = doubt }},
		{"the repository is", func() { w.doubt, w.viewErr = "", errors.New(doubt) }},
	} {
		source.is()
		explanation := ask()
		text := strings.Join(explanation.Why, "\n")
		if explanation.State != guard.Absent || !strings.Contains(text, "no new Application comes: ") || !strings.Contains(text, doubt) ||
			strings.Contains(text, "input.parameters") || strings.Contains(text, "would be called so") {
			t.Errorf("%s in doubt: %s\n%s", source.name, explanation.State, text)
		}
	}
}

// why is what a guard explains of an Application, and its sentences in one piece.
func (w *world) why(t *testing.T, live guard.Live, name string) (*guard.Explanation, string) {
	t.Helper()
	explanation, err := guard.New(guard.Options{Repository: w, Fleet: w, Live: live}).Why(t.Context(), "argocd", name)
	if err != nil {
		t.Fatal(err)
	}
	return explanation, strings.Join(explanation.Why, "\n")
}

func TestWhySaysWhichPlaceGivesAnApplicationWhat(t *testing.T) {
	w := newWorld(t, "api")
	declared, err := platform.Parse(platform.File, []byte(`apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/platform, targetRevision: main, values: {REGION: none, TIER: low}}
environments:
  - name: staging
    clusterSelector: {matchLabels: {tier: staging}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    syncPolicy: {syncOptions: [CreateNamespace=true]}
    labels: {oncall: "yes"}
    batches: [{name: canary, clusterSelector: {matchLabels: {rollout: canary}}}, {name: rest}]
services:
  api: {plugin: {waves: minimal}, environments: {production: {values: {REGION: mars}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	w.view.Platform = declared
	w.clusters[0].Values, w.clusters[0].Labels["rollout"] = map[string]string{"REGION": "eu-west-1"}, "canary"
	if _, text := w.why(t, w, "api-production"); !strings.Contains(text, "what comes later wins: defaults (project, repoURL, targetRevision, values.REGION, values.TIER); "+
		"the environment production (labels.oncall, syncPolicy); the annotation tidegate.dev/values of the cluster production (values.REGION); "+
		"the service api (plugin.waves); the service api in the environment production (values.REGION)\n"+
		"it is in the batch production-canary, by the labels of its cluster, rollout=canary") {
		t.Error(text)
	}
}

// Two ApplicationSets may demand an Application while it is handed over. What becomes of it is decided by the one that has it.
func TestWhyIsOfTheApplicationSetThatHasTheApplication(t *testing.T) {
	w := newWorld(t, "api", "web")
	w.answered(t, w.guard(&said{}))
	w.set.Spec = *w.set.Spec.DeepCopy()
	w.set.Spec.Generators[0].Plugin.Input.Parameters = v1alpha1.PluginParameters{"services": {Raw: []byte(`["web"]`)}}
	explanation, text := w.why(t, handedOver{w}, "api-production")
	if explanation.State != guard.Held || explanation.ApplicationSet != w.set.Name || explanation.Do == "" {
		t.Errorf("%s of %s: %s", explanation.State, explanation.ApplicationSet, text)
	}
}

// handedOver has another ApplicationSet beside the one of the world, that comes before it.
type handedOver struct{ *world }

func (h handedOver) ApplicationSets() []live.ApplicationSet {
	other := *h.set
	other.Name, other.UID, other.Spec = "new-services", "new", *h.set.Spec.DeepCopy()
	other.Spec.Generators[0].Plugin.Input.Parameters = nil
	return append([]live.ApplicationSet{other}, h.world.ApplicationSets()...)
}

func (h handedOver) ApplicationSet(ctx context.Context, name string) (*live.ApplicationSet, error) {
	if sets := h.ApplicationSets(); name == sets[0].Name {
		return &sets[0], nil
	}
	return h.world.ApplicationSet(ctx, name)
}

func TestWhyNamesWhatIsMissing(t *testing.T) {
	w := newWorld(t, "api")
	w.view.Platform.Environments[1].ApplicationName = "{service}-{environment}-{cluster}"
	w.view.Clusters = []catalog.ClusterConfig{{Cluster: "mars", Path: "clusters/mars/cluster-config"}, {Cluster: "staging", Path: "clusters/staging/cluster-config"}}
	w.clusters = append(w.clusters, fleet.Cluster{Name: "plain", Server: "https://plain"})
	for name, want := range map[string]string{
		"cluster-config-mars":    "clusters/mars/cluster-config would be it, but no cluster is called mars",
		"cluster-config-plain":   "the cluster plain has no configuration: there is no clusters/plain/cluster-config",
		"cluster-config-staging": "clusters/staging/cluster-config would be it, but no ApplicationSet asks for it",
		"api-production-p9":      "api in production on p9 would be it, but no cluster is called p9",
		"api-production-plain":   "the environment production selects clusters by tier=production; the cluster plain has no labels",
		"web-production-p9":      "nothing in the repository would be called so",
	} {
		if explanation, text := w.why(t, w, name); explanation.State != guard.Absent || !strings.Contains(text, want) {
			t.Errorf("%s is %s: %s", name, explanation.State, text)
		}
	}
}
