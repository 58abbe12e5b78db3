package guard

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

var errCombined = errors.New("what its ApplicationSet asks for is not known here: its plugin generator lies in a matrix or merge generator")

// Request is what an ApplicationSet asks for. Of a plugin generator in another one that is not known: Argo CD may fill in what the
// others gave, and ask several times.
func Request(set live.ApplicationSet) (generator.Request, error) {
	request, combined := generator.Request{ApplicationSet: set.Name}, false
	for i, from := range set.Spec.Generators {
		combined = combined || from.Matrix != nil || from.Merge != nil
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
	if combined {
		return request, errCombined
	}
	return request, fmt.Errorf("ApplicationSet %s has no plugin generator", set.Name)
}

// asked is what an ApplicationSet asks for. Where that is not known, and its guard is not off, admission refuses it whatever it asks
// for, and says why: the error is that refusal.
func (g *Guard) asked(c *considered) (generator.Request, error) {
	request, err := Request(*c.set)
	if !errors.Is(err, errCombined) || admission.SwitchedOff(c.set) {
		return request, err
	}
	c.demand = &demand{unknown: err.Error()}
	if failed := g.rule(c); c.refusal == nil {
		return request, errors.Join(err, failed)
	}
	return request, c.refusal
}

// wouldBe finds out what an Application of that name would need: each combination of service, environment and cluster that
// has this name, and what it lacks. Where an ApplicationSet was refused, that one may ask for it.
func wouldBe(view *catalog.View, clusters []fleet.Cluster, name string, refused bool) []string {
	out := clusterConfigs(view, clusters, name, refused)
	for i := range view.Platform.Environments {
		environment := &view.Platform.Environments[i]
		for j := range view.Services {
			service := &view.Services[j]
			rule := platform.Name(environment.NameRule(), service.Name, environment.Name, "{cluster}")
			if cluster := unregistered(rule, clusters, name); cluster != "" && hasOverlay(service, environment) {
				out = append(out, fmt.Sprintf("%s in %s on %s would be it, but %s", service.Name, environment.Name, cluster, noCluster(cluster)))
			}
			for _, cluster := range clusters {
				if platform.Name(rule, "", "", cluster.Name) == name {
					out = append(out, lacking(service, environment, cluster, refused))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// clusterConfigs says what the configuration of a cluster that has this name lacks.
func clusterConfigs(view *catalog.View, clusters []fleet.Cluster, name string, refused bool) []string {
	rule := view.Platform.ClusterConfig.NameRule()
	folder := func(cluster string) (string, bool) {
		at := slices.IndexFunc(view.Clusters, func(c catalog.ClusterConfig) bool { return c.Cluster == cluster })
		if at < 0 {
			return path.Join(platform.ClustersFolder, cluster, platform.ClusterConfigFolder), false
		}
		return view.Clusters[at].Path, true
	}
	if cluster := unregistered(rule, clusters, name); cluster != "" {
		if config, there := folder(cluster); there {
			return []string{fmt.Sprintf("%s would be it, but %s", config, noCluster(cluster))}
		}
	}
	for _, cluster := range clusters {
		if platform.Name(rule, "", "", cluster.Name) != name {
			continue
		}
		config, there := folder(cluster.Name)
		if !there {
			return []string{fmt.Sprintf("the cluster %s has no configuration: there is no %s", cluster.Name, config)}
		}
		return []string{notAsked(config, refused)}
	}
	return nil
}

// unregistered is the cluster that an Application of that name would be for by a rule; empty where there is such a cluster, or
// the rule names none.
func unregistered(rule string, clusters []fleet.Cluster, name string) string {
	before, after, named := strings.Cut(rule, "{cluster}")
	if !named || len(name) <= len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return ""
	}
	cluster := name[len(before) : len(name)-len(after)]
	if slices.ContainsFunc(clusters, func(c fleet.Cluster) bool { return c.Name == cluster }) {
		return ""
	}
	return cluster
}

func noCluster(name string) string {
	return fmt.Sprintf("no cluster is called %s: the name is in its cluster Secret", name)
}

func hasOverlay(service *catalog.Service, environment *platform.Environment) bool {
	return slices.ContainsFunc(service.Overlays, func(o catalog.Overlay) bool { return o.Environment == environment.Name })
}

// lacking says why there is no such Application.
func lacking(service *catalog.Service, environment *platform.Environment, cluster fleet.Cluster, refused bool) string {
	if !hasOverlay(service, environment) {
		return fmt.Sprintf("%s/%s has no overlay for the environment %s: there is no %s/%s/%s/%s",
			platform.ServicesFolder, service.Name, environment.Name, platform.ServicesFolder, service.Name, platform.OverlaysFolder, environment.Name)
	}
	selector, err := metav1.LabelSelectorAsSelector(&environment.ClusterSelector)
	if err == nil && !selector.Matches(labels.Set(cluster.Labels)) {
		return fmt.Sprintf("tidegate.yaml: the environment %s selects clusters by %s; the cluster %s has %s",
			environment.Name, written(&environment.ClusterSelector), cluster.Name, cmp.Or(labels.Set(cluster.Labels).String(), "no labels"))
	}
	return notAsked(fmt.Sprintf("%s in %s on %s", service.Name, environment.Name, cluster.Name), refused)
}

func notAsked(what string, refused bool) string {
	if refused {
		return what + " would be it, once there is an answer"
	}
	return what + " would be it, but no ApplicationSet asks for it: look at input.parameters of each"
}
