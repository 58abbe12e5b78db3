package params

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/internal/platform"
)

// settings are what tidegate.yaml gives an Application, with the texts that are made of it.
type settings struct {
	platform.Application
	pluginParameters, syncPolicy string
	// ofAnyCluster is the key without the cluster.
	ofAnyCluster settingsKey
}

// settingsKey tells settings apart: most Applications of an environment have the same ones.
type settingsKey struct{ service, environment, cluster string }

// settingsFor returns the settings of a service in an environment on a cluster, or, without environment, of a cluster's
// configuration. It returns nil where they lack something.
func (c *computation) settingsFor(service string, environment *platform.Environment, cluster *fleet.Cluster) *settings {
	key := settingsKey{}
	if environment != nil {
		key.environment = environment.Name
	}
	if _, own := c.View.Platform.Services[service]; own {
		key.service = service
	}
	if len(cluster.Values) > 0 {
		key.cluster = cluster.Name
	}
	made, known := c.settings[key]
	if known {
		return made
	}
	var merged platform.Application
	if environment == nil {
		merged = c.View.Platform.ForClusterConfig(cluster.Values)
	} else {
		merged = c.View.Platform.For(service, environment.Name, cluster.Values)
	}
	c.settings[key] = c.complete(key, merged)
	return c.settings[key]
}

// complete refuses settings that no Application can have.
func (c *computation) complete(key settingsKey, merged platform.Application) *settings {
	whose := "clusterConfig"
	if key.environment != "" {
		whose = "the environment " + key.environment
	}
	if key.service != "" {
		whose = "the service " + key.service + " in " + whose
	}
	complete := true
	for _, field := range []struct{ name, value string }{
		{"project", merged.Project}, {"repoURL", merged.RepoURL}, {"targetRevision", merged.TargetRevision},
	} {
		if field.value == "" {
			c.problem("%s: %s is missing for %s; say it there or in defaults", platform.File, field.name, whose)
			complete = false
		}
	}
	if !complete {
		return nil
	}
	return &settings{Application: merged, pluginParameters: pluginParameters(merged), syncPolicy: syncPolicy(merged.SyncPolicy),
		ofAnyCluster: settingsKey{service: key.service, environment: key.environment}}
}

func syncPolicy(policy *v1alpha1.SyncPolicy) string {
	if policy == nil {
		return "{}"
	}
	return text(policy)
}

// text is JSON of Argo CD's own types, which nothing keeps from being marshalled.
func text(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// pluginParameters are those that are set; the plugin has defaults for the others. Values are given to manifests too.
func pluginParameters(a platform.Application) string {
	out := v1alpha1.ApplicationSourcePluginParameters{}
	add := func(name, value string) {
		if value != "" {
			out = append(out, v1alpha1.ApplicationSourcePluginParameter{Name: name, String_: &value})
		}
	}
	add("floating-images", a.Plugin.FloatingImages)
	add("policy", a.Plugin.Policy)
	if len(a.Plugin.References) > 0 {
		add("references", text(a.Plugin.References))
	}
	substitutions := maps.Clone(orEmpty(a.Values))
	maps.Copy(substitutions, a.Plugin.Substitutions)
	if len(substitutions) > 0 {
		out = append(out, v1alpha1.ApplicationSourcePluginParameter{
			Name: "substitutions", OptionalMap: &v1alpha1.OptionalMap{Map: substitutions},
		})
	}
	add("waves", a.Plugin.Waves)
	return text(out)
}

// replicas is what an autoscaler owns in the workload that it scales.
const replicas = "/spec/replicas"

// ignoreDifferences adds the replicas of autoscaled workloads to what is ignored anyway.
func ignoreDifferences(declared []v1alpha1.ResourceIgnoreDifferences, autoscaled []catalog.Workload) string {
	out := append([]v1alpha1.ResourceIgnoreDifferences{}, declared...)
	for _, workload := range autoscaled {
		if slices.ContainsFunc(out, func(i v1alpha1.ResourceIgnoreDifferences) bool { return covers(i, workload) }) {
			continue
		}
		at := slices.IndexFunc(out, func(i v1alpha1.ResourceIgnoreDifferences) bool {
			return i.Group == workload.Group && i.Kind == workload.Kind && i.Name == workload.Name && i.Namespace == ""
		})
		if at < 0 {
			out = append(out, v1alpha1.ResourceIgnoreDifferences{Group: workload.Group, Kind: workload.Kind, Name: workload.Name})
			at = len(out) - 1
		}
		out[at].JSONPointers = append(slices.Clip(out[at].JSONPointers), replicas)
	}
	return text(out)
}

// covers tells whether the replicas of a workload are ignored already.
func covers(i v1alpha1.ResourceIgnoreDifferences, workload catalog.Workload) bool {
	return i.Group == workload.Group && i.Kind == workload.Kind && i.Namespace == "" &&
		(i.Name == "" || i.Name == workload.Name) && slices.Contains(i.JSONPointers, replicas)
}
