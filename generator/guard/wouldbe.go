package guard

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

// Request is what an ApplicationSet asks for.
func Request(set live.ApplicationSet) (generator.Request, error) {
	request := generator.Request{ApplicationSet: set.Name}
	for i, from := range set.Spec.Generators {
		if from.Plugin == nil {
			continue
		}
		input, err := params.ParseInput(from.Plugin.Input.Parameters)
		if err != nil {
			return request, fmt.Errorf("spec.generators[%d].plugin.%w", i, err)
		}
		request.Input = input
		return request, nil
	}
	return request, fmt.Errorf("ApplicationSet %s has no plugin generator", set.Name)
}

// wouldBe finds out what an Application of that name would need: each combination of service, environment and cluster that
// has this name, and what it lacks. Where an ApplicationSet was refused, that one may ask for it.
func wouldBe(view *catalog.View, clusters []fleet.Cluster, name string, refused bool) []string {
	var out []string
	for i := range view.Platform.Environments {
		environment := &view.Platform.Environments[i]
		for j := range view.Services {
			service := &view.Services[j]
			for _, cluster := range clusters {
				if platform.Name(environment.NameRule(), service.Name, environment.Name, cluster.Name) != name {
					continue
				}
				out = append(out, lacking(service, environment, cluster, refused))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lacking says why there is no such Application.
func lacking(service *catalog.Service, environment *platform.Environment, cluster fleet.Cluster, refused bool) string {
	if !slices.ContainsFunc(service.Overlays, func(o catalog.Overlay) bool { return o.Environment == environment.Name }) {
		return fmt.Sprintf("%s/%s has no overlay for the environment %s: there is no %s/%s/%s/%s",
			platform.ServicesFolder, service.Name, environment.Name, platform.ServicesFolder, service.Name, platform.OverlaysFolder, environment.Name)
	}
	selector, err := metav1.LabelSelectorAsSelector(&environment.ClusterSelector)
	if err == nil && !selector.Matches(labels.Set(cluster.Labels)) {
		return fmt.Sprintf("tidegate.yaml: the environment %s selects clusters by %s; the cluster %s has %s",
			environment.Name, written(&environment.ClusterSelector), cluster.Name, cmp.Or(labels.Set(cluster.Labels).String(), "no labels"))
	}
	where := fmt.Sprintf("%s in %s on %s would be it", service.Name, environment.Name, cluster.Name)
	if refused {
		return where + ", once there is an answer"
	}
	return where + ", but no ApplicationSet asks for it: look at input.parameters of each"
}
