package params_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

// sized is a world of services on clusters of two environments: one of staging, the others of production.
func sized(t *testing.T, services, clusters int, label func(int) string) params.World {
	t.Helper()
	declared, err := platform.Parse(platform.File, []byte(`apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - {name: staging, clusterSelector: {matchLabels: {tier: staging}}}
  - {name: production, clusterSelector: {matchLabels: {tier: production}}, applicationName: "{service}-{environment}-{cluster}"}
`))
	if err != nil {
		t.Fatal(err)
	}
	world := params.World{View: &catalog.View{Revision: "r1", Platform: declared}}
	for i := range services {
		name := fmt.Sprintf("s%04d", i)
		service := catalog.Service{Name: name}
		for _, environment := range []string{"production", "staging"} {
			service.Overlays = append(service.Overlays, catalog.Overlay{
				Environment: environment, Path: "services/" + name + "/overlays/" + environment, Facts: catalog.Facts{Known: true, Namespace: name},
			})
		}
		world.View.Services = append(world.View.Services, service)
	}
	world.Clusters = []fleet.Cluster{{Name: "s", Server: "https://s", Labels: map[string]string{"tier": "staging"}}}
	for i := range clusters {
		cluster := fleet.Cluster{Name: fmt.Sprintf("p%d", i), Server: fmt.Sprintf("https://p%d", i), Labels: map[string]string{"tier": "production"}}
		if label != nil {
			cluster.Labels["region"] = label(i)
		}
		world.Clusters = append(world.Clusters, cluster)
	}
	return world
}

func TestAnAnswerThatArgoCDCannotBearSaysHowToDivideIt(t *testing.T) {
	for _, test := range []struct {
		name               string
		services, clusters int
		label              func(int) string
		want               string
	}{
		{"as many as there may be", 1000, 1, nil, ""},
		{"each environment fits", 1001, 1, nil, "{environments: [staging]} (1001); {environments: [production]} (1001)"},
		{"production fits by region", 1000, 4, func(i int) string { return []string{"eu", "us"}[i%2] },
			"{environments: [production], clusterSelector: {matchLabels: {region: eu}}} (2000); {environments: [production], clusterSelector: {matchLabels: {region: us}}} (2000); {environments: [staging]} (1000)"},
		{"no region fits", 1000, 5, func(int) string { return "eu" },
			"{environments: [production], services: [s0000 … s0399]} (2000); {environments: [production], services: [s0400 … s0799]} (2000); {environments: [production], services: [s0800 … s0999]} (1000); {environments: [staging]} (1000)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := params.Compute(sized(t, test.services, test.clusters, test.label), params.Input{})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, finding := range result.Findings {
				if finding.Kind == params.TooMany {
					_, got, _ = strings.Cut(finding.Message, "input.parameters: ")
				}
			}
			if got != test.want {
				t.Errorf("want %s\n got %s", test.want, got)
			}
		})
	}
}
