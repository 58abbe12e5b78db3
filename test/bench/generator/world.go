package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

const platformText = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults:
  project: payments-team
  repoURL: https://github.com/myorg/gitops-platform
  targetRevision: main
  annotations:
    notifications.argoproj.io/subscribe.on-sync-succeeded.slack: devops-deploys
    notifications.argoproj.io/subscribe.on-sync-failed.slack: devops-alerts
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true, PrunePropagationPolicy=foreground, RespectIgnoreDifferences=true]
    retry: {limit: 3, backoff: {duration: 5s, factor: 2, maxDuration: 3m}}
environments:
  - {name: staging, clusterSelector: {matchLabels: {tier: staging}}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    applicationName: "{service}-{environment}-{cluster}"
    batches: [{name: canary, clusterSelector: {matchLabels: {region: r0}}}, {name: first, share: 10%}, {name: rest}]
`

// perService is how many Applications a service has: one in staging, the others in production.
const perService = 10

// world is so many services, and an ApplicationSet for as many of them as one may have Applications.
type world struct {
	services int
	clusters []fleet.Cluster
	view     *catalog.View
	// names are the ApplicationSets, inputs what each asks for.
	names  []string
	inputs []params.Input
	sets   [][]params.Set
}

func newWorld(applications int) (*world, error) {
	declared, err := platform.Parse(platform.File, []byte(platformText))
	if err != nil {
		return nil, err
	}
	w := &world{services: applications / perService, view: &catalog.View{Revision: "r1", Platform: declared}}
	for i := range perService {
		tier := "production"
		if i == 0 {
			tier = "staging"
		}
		w.clusters = append(w.clusters, fleet.Cluster{
			Name: fmt.Sprintf("cluster-%d", i), Server: fmt.Sprintf("https://cluster-%d.internal:6443", i),
			Labels: map[string]string{"tier": tier, "region": fmt.Sprintf("r%d", i%4)}, Annotations: map[string]string{},
		})
	}
	for i := range w.services {
		service := catalog.Service{Name: serviceName(i)}
		for _, environment := range []string{"production", "staging"} {
			service.Overlays = append(service.Overlays, catalog.Overlay{
				Environment: environment, Path: "services/" + service.Name + "/overlays/" + environment,
				Facts: catalog.Facts{Known: true, Namespace: service.Name + "-" + environment, Autoscaled: []catalog.Workload{{Group: "apps", Kind: "Deployment", Name: service.Name}}},
			})
		}
		w.view.Services = append(w.view.Services, service)
	}
	return w, w.divide()
}

func serviceName(i int) string { return fmt.Sprintf("service-%05d", i) }

// divide makes ApplicationSets of at most params.MaxApplications.
func (w *world) divide() error {
	const most = params.MaxApplications / perService
	for from := 0; from < w.services; from += most {
		input := params.Input{Kind: params.Services}
		for i := from; i < min(from+most, w.services); i++ {
			input.Services = append(input.Services, serviceName(i))
		}
		result, err := params.Compute(params.World{View: w.view, Clusters: w.clusters}, input)
		if err != nil {
			return err
		}
		w.names = append(w.names, fmt.Sprintf("services-%d", len(w.names)))
		w.inputs, w.sets = append(w.inputs, input), append(w.sets, result.Sets)
	}
	return nil
}

// annotation is a parameter set as Argo CD's template writes it.
func annotation(set *params.Set) (string, error) {
	text, err := json.Marshal(set)
	return string(text), err
}

const branch = "main"

// commit makes a Git repository of it.
func (w *world) commit(dir string) error {
	if err := w.write(dir); err != nil {
		return err
	}
	for _, arguments := range [][]string{
		{"init", "--quiet", "--initial-branch", branch}, {"add", "--all"},
		{"-c", "user.name=CI", "-c", "user.email=ci@example.com", "commit", "--quiet", "--message", "All services"},
	} {
		command := exec.Command("git", append([]string{"-C", dir}, arguments...)...)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command, err, output)
		}
	}
	return nil
}

// write writes the repository.
func (w *world) write(dir string) error {
	files := map[string]string{platform.File: platformText}
	for i := range w.services {
		name := serviceName(i)
		at := "services/" + name + "/"
		files[at+"base/kustomization.yaml"] = "resources: [deployment.yaml, service.yaml, hpa.yaml]\n"
		for kind, text := range manifests {
			files[at+"base/"+kind+".yaml"] = strings.ReplaceAll(text, "NAME", name)
		}
		for _, environment := range []string{"staging", "production"} {
			files[at+"overlays/"+environment+"/kustomization.yaml"] = "namespace: " + name + "-" + environment + "\nresources: [../../base]\n"
		}
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var manifests = map[string]string{
	"deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME}\nspec: {selector: {matchLabels: {app: NAME}}, template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: app, image: 'app:1'}]}}}\n",
	"service":    "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {selector: {app: NAME}, ports: [{port: 80}]}\n",
	"hpa":        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: NAME}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}}\n",
}
