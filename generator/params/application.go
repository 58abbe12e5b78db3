package params

import (
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/internal/platform"
)

// service adds the sets of one overlay.
func (c *computation) service(service *catalog.Service, overlay *catalog.Overlay, environment *target) {
	if len(environment.clusters) == 0 {
		return
	}
	c.facts(overlay.Path, &overlay.Facts)
	if overlay.NoNamespace && overlay.Namespace == "" {
		c.problem("%s", overlay.Broken)
		return
	}
	common := sharing(c.View.Platform.Folders(service.Name))
	for _, cluster := range environment.clusters {
		settings := c.settingsFor(service.Name, environment.Environment, cluster)
		if settings == nil {
			return
		}
		set := settings.set(cluster, overlay.Path, &overlay.Facts, common)
		set.Kind, set.Service, set.Environment = Services, service.Name, environment.Name
		set.Name = platform.Name(environment.NameRule(), service.Name, environment.Name, cluster.Name)
		set.Batch = batch(environment.rules, cluster, set.Name)
		set.Labels = settings.labels(&set, c.isLabelValue(cluster.Name))
		c.add(set)
	}
}

func (c *computation) clusterConfigs() {
	byName := map[string]*fleet.Cluster{}
	for _, cluster := range c.matching(c.input.ClusterSelector, c.allClusters()) {
		byName[cluster.Name] = cluster
	}
	registered := map[string]bool{}
	for _, cluster := range c.Clusters {
		registered[cluster.Name] = true
	}
	for i := range c.View.Clusters {
		config := &c.View.Clusters[i]
		if !registered[config.Cluster] {
			c.find(UnknownCluster, config.Path, "there is no cluster %s, so this yields no Application yet", config.Cluster)
		}
		if cluster := byName[config.Cluster]; cluster != nil {
			c.clusterConfig(config, cluster)
		}
	}
}

func (c *computation) clusterConfig(config *catalog.ClusterConfig, cluster *fleet.Cluster) {
	c.facts(config.Path, &config.Facts)
	settings := c.settingsFor("", nil, cluster)
	if settings == nil {
		return
	}
	set := settings.set(cluster, config.Path, &config.Facts, sharing(c.View.Platform.ClusterFolders(config.Cluster)))
	set.Kind, set.Batch = ClusterConfig, ClusterConfig
	set.Name = platform.Name(c.View.Platform.ClusterConfig.NameRule(), "", "", cluster.Name)
	set.Labels = settings.labels(&set, c.isLabelValue(cluster.Name))
	c.add(set)
}

// facts reports what is wrong with a folder.
func (c *computation) facts(path string, facts *catalog.Facts) {
	if facts.Broken != "" {
		known := "with what an earlier revision told"
		if !facts.Known {
			known = "with the replicas of all its workloads ignored, since nothing is known of its autoscalers"
		}
		c.find(BrokenOverlay, path, "cannot be rendered; its Application stays, %s: %s", known, facts.Broken)
	}
	if len(facts.Outside) > 0 {
		c.find(ReadsOutside, path, "reads %s, which Argo CD neither sends to the plugin nor watches; name the folder under sharedFolders in %s",
			list(facts.Outside), platform.File)
	}
}

func list(files []string) string {
	const few = 3
	if len(files) > few {
		return strings.Join(files[:few], ", ") + " and more"
	}
	return strings.Join(files, ", ")
}

// shared is what the sets of one folder have in common.
type shared struct {
	// paths is argocd.argoproj.io/manifest-generate-paths: folders from the root of the repository.
	paths string
	// texts are by settings whatever the cluster: its values make no difference to them.
	texts map[settingsKey]texts
}

// texts are what settings and facts make together.
type texts struct {
	annotations       map[string]string
	ignoreDifferences string
}

func sharing(folders []string) *shared {
	return &shared{paths: "/" + strings.Join(folders, ";/"), texts: map[settingsKey]texts{}}
}

// set is what settings say, and facts.
func (s *settings) set(cluster *fleet.Cluster, path string, facts *catalog.Facts, shared *shared) Set {
	made, known := shared.texts[s.ofAnyCluster]
	if !known {
		made = texts{
			annotations:       with(s.Annotations, v1alpha1.AnnotationKeyManifestGeneratePaths, shared.paths),
			ignoreDifferences: ignoreDifferences(s.IgnoreDifferences, facts.Autoscaled),
		}
		shared.texts[s.ofAnyCluster] = made
	}
	return Set{
		Cluster:   Cluster{Name: cluster.Name, Server: cluster.Server, Labels: orEmpty(cluster.Labels)},
		Namespace: facts.Namespace,
		Project:   s.Project, RepoURL: s.RepoURL, TargetRevision: s.TargetRevision, Path: path,
		Values:      orEmpty(s.Values),
		Annotations: made.annotations,
		Finalizers:  *s.Finalizers,

		PluginParameters: s.pluginParameters, SyncPolicy: s.syncPolicy, IgnoreDifferences: made.ignoreDifferences,
	}
}

// labels are the settings' own and those that tell what an Application is. The cluster's name may be no label's value.
func (s *settings) labels(set *Set, isLabelValue bool) map[string]string {
	out := make(map[string]string, len(s.Labels)+5)
	for name, value := range s.Labels {
		out[name] = value
	}
	out[KindLabel], out[BatchLabel] = set.Kind, set.Batch
	if set.Service != "" {
		out[ServiceLabel], out[EnvironmentLabel] = set.Service, set.Environment
	}
	if isLabelValue {
		out[ClusterLabel] = set.Cluster.Name
	}
	return out
}

func with(in map[string]string, key, value string) map[string]string {
	out := make(map[string]string, len(in)+1)
	for name, has := range in {
		out[name] = has
	}
	out[key] = value
	return out
}

func orEmpty(in map[string]string) map[string]string {
	if in == nil {
		return map[string]string{}
	}
	return in
}
