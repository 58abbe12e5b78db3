package admission

import (
	"maps"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// NewGround is what parameter sets were computed from.
func NewGround(view *catalog.View, clusters []fleet.Cluster, input params.Input) Ground {
	ground := Ground{
		Revision: view.Revision, Input: input, Overlays: map[string]bool{}, Resources: map[string][]uint64{}, Unrendered: map[string]bool{},
		Environments: map[string]*metav1.LabelSelector{}, Clusters: make(map[string]fleet.Cluster, len(clusters)),
	}
	for i := range view.Services {
		for j := range view.Services[i].Overlays {
			overlay := &view.Services[i].Overlays[j]
			ground.Overlays[overlay.Path], ground.Resources[overlay.Path], ground.Unrendered[overlay.Path] = true, overlay.Resources, !overlay.Known
		}
	}
	for i := range view.Clusters {
		config := &view.Clusters[i]
		ground.Overlays[config.Path], ground.Resources[config.Path] = true, config.Resources
	}
	for i := range view.Platform.Environments {
		environment := &view.Platform.Environments[i]
		ground.Environments[environment.Name] = &environment.ClusterSelector
	}
	for _, cluster := range clusters {
		ground.Clusters[cluster.Name] = cluster
	}
	return ground
}

// matches tells whether a selector takes a cluster. One that cannot be read takes none; a nil one takes all.
func matches(selector *metav1.LabelSelector, cluster fleet.Cluster) bool {
	if selector == nil {
		return true
	}
	read, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && read.Matches(labels.Set(cluster.Labels))
}

// relabelled tells whether a cluster has other labels than when an Application was made for it.
func relabelled(then params.Cluster, now fleet.Cluster) bool {
	return !maps.Equal(then.Labels, now.Labels)
}
