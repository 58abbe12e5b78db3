package preview

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/internal/strict"
	"github.com/tidegate/tidegate/manifests"
)

// rolling is what stands above the template that all ApplicationSets have in common.
var rolling = template.Must(template.New("").Funcs(template.FuncMap{"join": strings.Join}).Parse(
	`# One service, in steps: environment by environment, batch by batch, as tidegate.yaml says. Made by
#
#   tidegate preview -o applicationset --service {{.Service}}
#
# Leave the service out of the ApplicationSet of all services: an Application has one owner.
#
# Why one per service: the steps are those of the whole ApplicationSet. In one for all, a single Degraded staging
# Application of any service would hold back production of every other.
#
# RollingSync replaces automated sync and selfHeal: Argo CD removes automated from every Application here, and syncs them
# itself, step by step. It needs applicationsetcontroller.enable.progressive.syncs: "true" in argocd-cmd-params-cm.
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: tidegate-{{.Service}}
  namespace: argocd
spec:
  goTemplate: true
  # A key that the generator does not give is an error, never an empty field.
  goTemplateOptions: [missingkey=error]
  generators:
    - plugin:
        configMapRef:
          name: tidegate-generator
        input:
          parameters:
            kind: services
            services: [{{.Service}}]
        requeueAfterSeconds: 180
  strategy:
    type: RollingSync
    rollingSync:
      # Every Application belongs to exactly one step.
      steps:
{{- range .Steps}}
{{- if .Held}}
        # A human releases these: nothing of this step is synced for them, and the next one starts once they have synced
        # every Application of it. A step without Applications holds nothing: tidegate preview warns of it.
{{- end}}
        - matchExpressions:
            - {key: tidegate.dev/batch, operator: In, values: [{{join .Batches ", "}}]}
{{- with .MaxUpdate}}
          maxUpdate: {{.}}
{{- end}}
{{- end}}
`))

// step is a step of a rollout.
type step struct {
	// Batches are the values of the label tidegate.dev/batch that it selects.
	Batches   []string
	MaxUpdate string
}

// Held tells whether a human must sync its Applications.
func (s step) Held() bool { return s.MaxUpdate == "0" || s.MaxUpdate == "0%" }

// Rolling is the ApplicationSet that rolls a service out in steps: the one that Tidegate ships for all services, for this
// one, with a step for each batch. Which Application is in which batch is computed from the same rules, so the two cannot
// disagree.
func Rolling(files platform.Files, service string) ([]byte, error) {
	p, err := read(files, service)
	if err != nil {
		return nil, err
	}
	const common = "  template:\n"
	_, shared, found := bytes.Cut(manifests.Services, []byte("\n"+common))
	if !found {
		return nil, fmt.Errorf("the ApplicationSet of all services has no line %q", common)
	}
	var out bytes.Buffer
	if err := rolling.Execute(&out, map[string]any{"Service": service, "Steps": steplist(p, service)}); err != nil {
		return nil, err
	}
	out.WriteString(common)
	out.Write(shared)
	return out.Bytes(), nil
}

// read reads tidegate.yaml, and refuses a service that the repository does not have.
func read(files platform.Files, service string) (*platform.Platform, error) {
	content, err := files.ReadFile(platform.File)
	if err != nil {
		return nil, err
	}
	p, err := platform.Parse(platform.File, content)
	if err != nil {
		return nil, err
	}
	layout, err := platform.Discover(files)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, folder := range layout.Services {
		known = append(known, folder.Name)
	}
	if !slices.Contains(known, service) {
		return nil, fmt.Errorf("there is no service %q in %s/; %s", service, platform.ServicesFolder, strict.Hint(service, known))
	}
	return p, nil
}

// steplist are the steps of a service: a batch each; environments that sync by themselves and have no batches share one.
func steplist(p *platform.Platform, service string) []step {
	var steps []step
	together := false
	for _, environment := range p.Environments {
		held := ""
		if policy := p.For(service, environment.Name, nil).SyncPolicy; policy == nil || policy.Automated == nil {
			held = "0"
		}
		if len(environment.Batches) == 0 {
			if together && held == "" {
				last := &steps[len(steps)-1]
				last.Batches = append(last.Batches, environment.Name)
				continue
			}
			steps = append(steps, step{Batches: []string{environment.Name}, MaxUpdate: held})
			together = held == ""
			continue
		}
		together = false
		for i, batch := range environment.Batches {
			next := step{Batches: []string{params.BatchName(&environment, batch.Name)}, MaxUpdate: batch.MaxUpdate}
			if i == 0 {
				next.MaxUpdate = cmp.Or(next.MaxUpdate, held)
			}
			steps = append(steps, next)
		}
	}
	return steps
}
