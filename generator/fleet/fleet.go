// Package fleet knows the clusters that Applications can go to: what Argo CD's cluster Secrets say of them.
//
// It never holds credentials: what would be one is refused or dropped before anything is kept.
package fleet

import "context"

// Fleet tells which clusters there are now.
type Fleet interface {
	// Clusters are sorted by name. An error means that they are not known, never that there are none. The answer is shared
	// between callers and must not be changed.
	Clusters(ctx context.Context) ([]Cluster, error)
}

// Cluster is what is known of a cluster.
type Cluster struct {
	// Name is unique.
	Name string
	// Server is the URL of the API server; unique.
	Server string
	// Project is the AppProject that the cluster belongs to; empty for all.
	Project string
	// Labels and Annotations are those of the Secret, without Argo CD's own.
	Labels      map[string]string
	Annotations map[string]string
	// Shard is the application controller's shard, as the Secret says it; empty where it says nothing.
	Shard string
	// Values are the cluster's own, from the annotation tidegate.dev/values: YAML, names to strings.
	Values map[string]string
}

// ValuesAnnotation of a cluster Secret holds the values of that cluster.
const ValuesAnnotation = "tidegate.dev/values"
