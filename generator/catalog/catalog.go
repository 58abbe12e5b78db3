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
	// Open shows the repository as it is now. Two that show the same have the same ID.
	Open(ctx context.Context) (*Revision, error)
	// Close releases what the revisions need.
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
	// Fingerprint identifies what a path holds without reading it: a folder, a file's content, a link's target; "" is
	// nothing. It does not follow links.
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
	// Rendered is how many overlays were rendered to know this.
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
	// Path is the folder in the repository.
	Path string
	Facts
}
