package admission_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

const declared = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - name: staging
    clusterSelector: {matchLabels: {tier: staging}}
    syncPolicy: {automated: {}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
`

// scene is a small repository and a small fleet.
type scene struct {
	// overlays are service/environment, with spaces between; clusters/<cluster> is the configuration of one.
	overlays string
	// clusters are name:label=value, with spaces between; the server is https://name unless @server follows the name.
	clusters string
	// platform is tidegate.yaml; declared without one.
	platform string
	// revision is r1 without one.
	revision string
	input    params.Input
	// delivers is what an overlay, service/environment, renders to; nothing without one.
	delivers func(overlay string) []uint64
}

func (s scene) view() *catalog.View {
	if s.platform == "" {
		s.platform = declared
	}
	if s.revision == "" {
		s.revision = "r1"
	}
	view := &catalog.View{Revision: s.revision, Platform: parsed(s.platform)}
	at := map[string]int{}
	for _, overlay := range strings.Fields(s.overlays) {
		service, environment, _ := strings.Cut(overlay, "/")
		if service == "clusters" {
			view.Clusters = append(view.Clusters, catalog.ClusterConfig{Cluster: environment, Path: overlay + "/cluster-config", Facts: catalog.Facts{Known: true}})
			continue
		}
		i, known := at[service]
		if !known {
			i = len(view.Services)
			at[service] = i
			view.Services = append(view.Services, catalog.Service{Name: service})
		}
		facts := catalog.Facts{Namespace: service + "-" + environment, Known: true}
		if s.delivers != nil {
			facts.Resources = s.delivers(overlay)
		}
		view.Services[i].Overlays = append(view.Services[i].Overlays, catalog.Overlay{
			Environment: environment, Path: "services/" + service + "/overlays/" + environment, Facts: facts,
		})
	}
	return view
}

// platforms are those that were parsed, by their text.
var platforms = map[string]*platform.Platform{}

func parsed(text string) *platform.Platform {
	if platforms[text] == nil {
		read, err := platform.Parse(platform.File, []byte(text))
		if err != nil {
			panic(err)
		}
		platforms[text] = read
	}
	return platforms[text]
}

func (s scene) fleet() []fleet.Cluster {
	var out []fleet.Cluster
	for _, one := range strings.Fields(s.clusters) {
		name, labels, _ := strings.Cut(one, ":")
		name, server, moved := strings.Cut(name, "@")
		if !moved {
			server = name
		}
		cluster := fleet.Cluster{Name: name, Server: "https://" + server, Labels: map[string]string{}}
		for _, label := range strings.Split(labels, ",") {
			key, value, _ := strings.Cut(label, "=")
			cluster.Labels[key] = value
		}
		out = append(out, cluster)
	}
	return out
}

// world is what is desired in a scene, or why that is not known.
func (s scene) world() admission.World {
	if s.input.Kind == "" {
		s.input.Kind = params.Services
	}
	view, clusters := s.view(), s.fleet()
	world := admission.World{Now: noon, Policy: admission.DefaultPolicy(), Ground: admission.NewGround(view, clusters, s.input)}
	world.Ground.Confirmed = alwaysConfirmed
	result, err := params.Compute(params.World{View: view, Clusters: clusters}, s.input)
	if err != nil {
		world.Unknown = err.Error()
		return world
	}
	world.Desired = result.Sets
	return world
}

// alwaysConfirmed is after everything that happens.
var alwaysConfirmed = noon.AddDate(1, 0, 0)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// installed is an Argo CD in which a scene has been rolled out for a day.
func installed(t *testing.T, s scene) *argocd {
	t.Helper()
	a := newArgoCD()
	world := s.world()
	if world.Unknown != "" {
		t.Fatal(world.Unknown)
	}
	for i := range world.Desired {
		a.create(generated(marshalled(world.Desired[i])), noon.Add(-24*time.Hour))
	}
	for _, app := range a.apps {
		app.settle()
	}
	return a
}

// now is a scene as the ApplicationSet meets it.
func (a *argocd) now(s scene) admission.World {
	world := s.world()
	world.ApplicationSet, world.Live = a.applicationSet(), a.list()
	return world
}

func selector(text string) *metav1.LabelSelector {
	read, err := metav1.ParseToLabelSelector(text)
	if err != nil {
		panic(err)
	}
	return read
}

// said is a decision as a few lines.
func said(d *admission.Decision, err error) string {
	if err != nil {
		refusal, ok := err.(*admission.Refusal)
		if !ok {
			return "error " + err.Error()
		}
		return fmt.Sprintf("refused %s %d", refusal.Kind, refusal.Status)
	}
	var out []string
	add := func(format string, arguments ...any) { out = append(out, fmt.Sprintf(format, arguments...)) }
	add("answer %s", strings.Join(namesOf(d), " "))
	if d.Doubt != "" {
		add("doubt")
	}
	if d.Unguarded != "" {
		add("unguarded %s", d.Unguarded)
	}
	for _, r := range d.Held {
		add("held %s %s %s", r.Application, r.Cause, r.Ruling)
	}
	for _, r := range d.Released {
		add("released %s %s %s", r.Application, r.Cause, r.Ruling)
	}
	for _, name := range d.Going {
		add("going %s", name)
	}
	for _, w := range d.Waiting {
		add("waiting %s %s", w.Application, strings.TrimSpace(string(w.Kind)+" "+w.For))
	}
	if d.Acknowledgement != "" {
		add("acknowledgement %s", d.Acknowledgement)
	}
	return strings.Join(out, "\n")
}

func inputOf(services ...string) params.Input { return params.Input{Services: services} }
