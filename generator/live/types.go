// Package live knows what Argo CD has: the ApplicationSets that ask this generator, and the Applications that are theirs.
//
// It never keeps more of an object than is decided by, and never takes what an informer has for what there is where
// something would be deleted.
package live

import (
	"context"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
)

// Application is what is known of an Application.
type Application struct {
	Name, UID, ResourceVersion string
	// Parameters is the annotation params.Annotation, verbatim; empty where there is none.
	Parameters string
	Labels     map[string]string
	Created    time.Time
	// Written is when Argo CD last wrote the parameter set into it, or what else it manages of it; zero where that is not told.
	// One that was adopted is older than that.
	Written time.Time
	// Deleting says that metadata.deletionTimestamp is set.
	Deleting bool
	// Automated says that Argo CD syncs it by itself.
	Automated bool
	// Reconciled says that the application controller has looked at it at least once.
	Reconciled bool
	// OperationRunning says that an operation runs, or is asked for.
	OperationRunning bool
	// Sync and Health are status.sync.status and status.health.status; empty before the first look.
	Sync, Health string

	// Project is spec.project. Who may edit an Application may edit its annotations, but not choose any project.
	Project string

	DestinationServer, DestinationName, DestinationNamespace, Path string
	// Resources are the hashes of what it has delivered, or is to (status.resources; manifest.ID.Hash), sorted.
	Resources []uint64
}

// ApplicationSet is what is known of an ApplicationSet.
type ApplicationSet struct {
	Name, UID, ResourceVersion string
	Annotations                map[string]string
	Spec                       v1alpha1.ApplicationSetSpec
	// Deleting says that metadata.deletionTimestamp is set.
	Deleting bool
}

// Reader reads what there is in Argo CD's namespace.
type Reader interface {
	// ApplicationSet reads a live one. Neither an ApplicationSet nor an error means that there is none of that name.
	ApplicationSet(ctx context.Context, name string) (*ApplicationSet, error)
	// Applications are all that there are: listed after the call, not from an informer.
	Applications(ctx context.Context) (*Listing, error)
	// ApplicationSets are those that an informer has seen with a plugin generator whose ConfigMap is ours, sorted by name.
	ApplicationSets() []ApplicationSet
}
