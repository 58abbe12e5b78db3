// Package catalog reads a config repository at one revision: what tidegate.yaml says, which services and overlays there
// are, and what their manifests tell about the Applications they need.
//
// It never writes to the repository, never mixes two revisions in one answer, and never leaves out an overlay because it
// is broken.
package catalog

import (
	"context"

	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/plugin/render"
)

// Source is a repository.
type Source interface {
	// Open shows the repository as it is now. What it shows stays the same whatever happens to the repository; two that
	// show the same have the same ID.
	Open(ctx context.Context) (*Revision, error)
	// Close releases what Open needs.
	Close() error
}

// Revision is a repository at one moment.
type Revision struct {
	// ID is the commit, or the hash of a folder's content.
	ID string
	// Tree are the files.
	Tree Tree
}

// Tree is a render.Tree whose folders can be listed and whose files are known by their content.
type Tree interface {
	render.Tree
	platform.Files
	// Fingerprint identifies what a path holds without reading it again: type and content of a file, target of a link,
	// "" where there is nothing.
	Fingerprint(name string) string
}

// View is what the generator needs to know of a repository at one revision. It is shared and must not be changed.
type View struct {
	// Revision is the ID of the revision.
	Revision string
	Platform *platform.Platform
	// Services are sorted by name.
	Services []Service
	// Clusters are those with a folder clusters/<name>/cluster-config, sorted by name.
	Clusters []ClusterConfig
	// Rendered is how many overlays were rendered to know this: none where nothing changed.
	Rendered int
}

// Service is services/<name>.
type Service struct {
	Name string
	// Overlays are sorted by environment.
	Overlays []Overlay
}

// Overlay is services/<service>/overlays/<environment>.
type Overlay struct {
	Environment string
	// Path is the folder in the repository.
	Path string
	Facts
}

// ClusterConfig is clusters/<cluster>/cluster-config.
type ClusterConfig struct {
	Cluster string
	Path    string
	Facts
}

// Facts are what a render tells about an Application.
type Facts struct {
	// Namespace is the kustomization's own.
	Namespace string
	// Autoscaled are the workloads whose replicas an autoscaler owns, sorted. One without a name stands for all of its
	// kind: what a broken overlay is given that has never been rendered.
	Autoscaled []Workload
	// Outside are files that the overlay reads although neither its service's folder nor a shared one holds them, sorted.
	Outside []string
	// Broken says why the overlay could not be rendered; empty where it could. The other facts are then the last known
	// ones, or, where Known is false, the safe default.
	Broken string
	// Known says that these facts come from a render: this one, or, with Broken, an earlier one.
	Known bool
}

// Workload is a workload that an autoscaler scales.
type Workload struct{ Group, Kind, Name string }

// Catalog reads a source, and remembers what it has rendered.
type Catalog struct {
	source   Source
	renderer render.Renderer
}

// New returns the catalog of a source. The renderer is asked for what has not been rendered before.
func New(source Source, renderer render.Renderer) *Catalog {
	return &Catalog{source: source, renderer: renderer}
}

// Read returns the newest view. Callers at the same time share the work. Its error means that nothing certain is known
// of the repository: tidegate.yaml is missing or wrong, or the source cannot be read.
func (c *Catalog) Read(ctx context.Context) (*View, error) { return nil, nil }
