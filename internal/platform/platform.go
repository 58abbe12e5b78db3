// Package platform reads tidegate.yaml and the layout of a config repository: which environments, services, overlays and
// clusters there are, and what their Applications are given.
//
// It reads files and nothing else: it knows no cluster but by name, renders nothing, and never guesses. What it does not
// understand is an error that names the file and the line.
package platform

//go:generate go run ./internal/genschema

import (
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What tidegate.yaml says of itself, and where it lies in the repository.
const (
	APIVersion = "tidegate.dev/v1alpha1"
	Kind       = "Platform"
	File       = "tidegate.yaml"
)

// Platform is tidegate.yaml: what holds for all services of a config repository.
type Platform struct {
	// APIVersion is tidegate.dev/v1alpha1.
	APIVersion string `json:"apiVersion" jsonschema:"enum=tidegate.dev/v1alpha1"`
	// Kind is Platform.
	Kind string `json:"kind" jsonschema:"enum=Platform"`
	// Defaults are what every Application has unless its environment or its service says otherwise.
	Defaults Application `json:"defaults,omitempty"`
	// Environments are in the order in which a change goes through them: staging before production. Each has overlays
	// of its name, services/<service>/overlays/<environment>.
	Environments []Environment `json:"environments"`
	// ClusterConfig delivers clusters/<cluster>/cluster-config, one Application per cluster.
	ClusterConfig *ClusterConfig `json:"clusterConfig,omitempty"`
	// SharedFolders are folders outside services/ that every service's overlays may read, such as components. Argo CD
	// sends the folder that holds all that an Application names: with a shared folder, that is the whole repository. Name
	// a folder under the services that need it where not all do.
	SharedFolders []string `json:"sharedFolders,omitempty"`
	// Services are what differs for a service, by its name: the name of its folder below services/.
	Services map[string]Service `json:"services,omitempty"`
}

// Environment is a stage that services are delivered to: one or more clusters, one overlay per service.
type Environment struct {
	// Name is the name of the overlays' folders, a DNS-1123 label.
	Name string `json:"name"`
	// ClusterSelector picks the clusters by the labels of their Argo CD cluster Secrets. It must match at least one.
	ClusterSelector metav1.LabelSelector `json:"clusterSelector"`
	// ApplicationName is the rule by which Applications are named: {service}-{environment}, the default, or
	// {service}-{environment}-{cluster}. Without {cluster}, matching a second cluster is an error: a name never changes
	// because of how many clusters there are, for a new name deletes the Application and makes another.
	ApplicationName string `json:"applicationName,omitempty"`
	// Batches divide the environment's Applications, for rollouts in steps. Each goes to the first batch that takes it.
	// Without batches there is one, named like the environment.
	Batches     []Batch `json:"batches,omitempty"`
	Application `json:",inline"`
}

// Batch is a part of an environment's Applications.
type Batch struct {
	// Name is unique in its environment.
	Name string `json:"name"`
	// ClusterSelector takes the Applications of the clusters that it matches.
	ClusterSelector *metav1.LabelSelector `json:"clusterSelector,omitempty"`
	// Share takes that part of the environment's Applications, such as 10%. Which ones depends on their names alone: an
	// Application keeps its batch when others come and go.
	Share string `json:"share,omitempty" jsonschema:"pattern=^[0-9]+%$"`
	// MaxUpdate is how many of the batch's Applications a rollout in steps syncs at a time: a number or a share. 0 syncs
	// none: a human does, and the next step waits for all of them; that is what the first batch of an environment without
	// automated sync does unless this says otherwise. Without it, all at once.
	MaxUpdate string `json:"maxUpdate,omitempty" jsonschema:"pattern=^[0-9]+%?$"`
}

// Application is what Applications are given. Of the defaults, the environment, the service and the service's
// environment, what comes later wins: as a whole for a field, key by key for a map. IgnoreDifferences and References add
// up.
type Application struct {
	// Project is the AppProject.
	Project string `json:"project,omitempty"`
	// RepoURL is this repository, as Argo CD knows it.
	RepoURL string `json:"repoURL,omitempty"`
	// TargetRevision is the branch, tag or commit that Argo CD follows.
	TargetRevision string `json:"targetRevision,omitempty"`
	// SyncPolicy is Argo CD's own. Without automated, a human syncs.
	SyncPolicy *v1alpha1.SyncPolicy `json:"syncPolicy,omitempty"`
	// IgnoreDifferences is Argo CD's own. The replicas of what an autoscaler scales need not be named.
	IgnoreDifferences []v1alpha1.ResourceIgnoreDifferences `json:"ignoreDifferences,omitempty"`
	// Labels of the Application.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the Application.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Finalizers of the Application. Unset, resources-finalizer.argocd.argoproj.io: what was deployed is deleted with the
	// Application. An empty list leaves it in place.
	Finalizers *[]string `json:"finalizers,omitempty"`
	// Values are for ApplicationSet templates (.tidegate.values.NAME), and for ${NAME} in manifests. A cluster's own, from
	// the annotation tidegate.dev/values of its Secret, win over those of the environment, and the service's over both.
	Values map[string]string `json:"values,omitempty"`
	// Plugin is what the plugin is told.
	Plugin Plugin `json:"plugin,omitempty"`
}

// Plugin are the settings of the plugin that renders the overlays. Unset ones are the plugin's own defaults.
type Plugin struct {
	// Waves is how resources are ordered: tiers, minimal or off.
	Waves string `json:"waves,omitempty" jsonschema:"enum=tiers,enum=minimal,enum=off"`
	// References are rows for custom resources: which of their fields name what must be there before them.
	References []map[string]any `json:"references,omitempty"`
	// Policy is what becomes of what must not be rendered: enforce, warn or off. The sidecar's floor can make it stricter.
	Policy string `json:"policy,omitempty" jsonschema:"enum=enforce,enum=warn,enum=off"`
	// FloatingImages is what becomes of an image without a fixed version: warn or refuse.
	FloatingImages string `json:"floatingImages,omitempty" jsonschema:"enum=warn,enum=refuse"`
	// Substitutions are values of ${NAME} in manifests that templates do not see, over those of values.
	Substitutions map[string]string `json:"substitutions,omitempty"`
}

// ClusterConfig says how clusters/<cluster>/cluster-config is delivered.
type ClusterConfig struct {
	// ApplicationName is the rule by which Applications are named; cluster-config-{cluster} is the default.
	ApplicationName string `json:"applicationName,omitempty"`
	Application     `json:",inline"`
}

// Service is what differs for one service.
type Service struct {
	// SharedFolders are folders outside services/ that this service's overlays may read, besides those of all services.
	SharedFolders []string `json:"sharedFolders,omitempty"`
	// Environments are what differs for this service in one environment, by its name.
	Environments map[string]Application `json:"environments,omitempty"`
	Application  `json:",inline"`
}
