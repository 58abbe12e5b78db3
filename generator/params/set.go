// Package params works out the parameter sets of Applications: services × environments × clusters.
//
// It computes from what it is given, reads nothing and remembers nothing, so the same repository and the same clusters
// give the same bytes. It never gives fewer sets than the repository demands: what it cannot work out is an error.
package params

//go:generate go run ./internal/gendocs

import (
	"encoding/json"
	"fmt"
)

// Key is the one key under which everything lies in a parameter set: .tidegate in a template.
const Key = "tidegate"

// Annotation of an Application holds the parameter set that made it: the template writes {{ toJson .tidegate }}. Without
// it, what became of an Application cannot be told from what was asked for.
const Annotation = "tidegate.dev/parameters"

// Labels that every Application has.
const (
	ServiceLabel     = "tidegate.dev/service"
	EnvironmentLabel = "tidegate.dev/environment"
	ClusterLabel     = "tidegate.dev/cluster"
	BatchLabel       = "tidegate.dev/batch"
	KindLabel        = "tidegate.dev/kind"
)

// Set is one parameter set: what a template knows of one Application. Every key is always there, no value is null, and
// the values are strings, lists of strings and maps of strings. What Argo CD has types of its own for is JSON text, to be
// written into a templatePatch as it stands.
type Set struct {
	// Name of the Application, by the naming rule of its environment. A DNS-1123 label or subdomain.
	Name string `json:"name"`
	// Kind is services or cluster-config.
	Kind string `json:"kind"`
	// Service is the name of the service; empty for cluster-config.
	Service string `json:"service"`
	// Environment is the name of the environment; empty for cluster-config.
	Environment string `json:"environment"`
	// Cluster is where the Application goes.
	Cluster Cluster `json:"cluster"`
	// Namespace is the overlay's own. It may be empty for cluster-config.
	Namespace string `json:"namespace"`
	// Project is the AppProject. A templatePatch cannot set it: it belongs into the template.
	Project string `json:"project"`
	// RepoURL is the config repository.
	RepoURL string `json:"repoURL"`
	// TargetRevision is what Argo CD follows.
	TargetRevision string `json:"targetRevision"`
	// Path is the overlay's folder in the repository.
	Path string `json:"path"`
	// Batch is the step of a rollout: the environment's name, or the environment's and the batch's, joined by a hyphen.
	Batch string `json:"batch"`
	// Values are the environment's, the cluster's and the service's.
	Values map[string]string `json:"values"`
	// Labels of the Application.
	Labels map[string]string `json:"labels"`
	// Annotations of the Application, argocd.argoproj.io/manifest-generate-paths among them.
	Annotations map[string]string `json:"annotations"`
	// Finalizers of the Application. Argo CD adds its own where a template has none.
	Finalizers []string `json:"finalizers"`
	// PluginParameters is JSON: Argo CD's list of a plugin's parameters.
	PluginParameters string `json:"pluginParameters"`
	// SyncPolicy is JSON: Argo CD's syncPolicy.
	SyncPolicy string `json:"syncPolicy"`
	// IgnoreDifferences is JSON: Argo CD's list, with the replicas of what an autoscaler scales.
	IgnoreDifferences string `json:"ignoreDifferences"`
}

// Cluster is the cluster of a parameter set.
type Cluster struct {
	// Name of the cluster.
	Name string `json:"name"`
	// Server is the URL of its API server.
	Server string `json:"server"`
	// Labels of its cluster Secret. Clusters need not have the same ones: index them where a template must not fail.
	Labels map[string]string `json:"labels"`
}

// Answer is what a plugin generator answers: Argo CD's ServiceResponse. There is no other form of success.
type Answer struct {
	Output Output `json:"output"`
}

// Output holds the parameter sets.
type Output struct {
	Parameters []Parameters `json:"parameters"`
}

// Parameters is one parameter set as Argo CD gets it.
type Parameters struct {
	Tidegate Set `json:"tidegate"`
}

// ParseAnnotation reads what Annotation holds. A set that another version wrote may have keys that this one does not know.
func ParseAnnotation(text string) (Set, error) {
	var set Set
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return Set{}, fmt.Errorf("annotation %s: %w", Annotation, err)
	}
	if set.Name == "" {
		return Set{}, fmt.Errorf("annotation %s holds no parameter set: it has no name", Annotation)
	}
	return set, nil
}
