package platform

import "io/fs"

// Files are the files of a repository, slash-separated paths relative to its root. Nothing found is fs.ErrNotExist.
type Files interface {
	// ReadFile reads a regular file.
	ReadFile(name string) ([]byte, error)
	// ReadDir lists a folder, sorted by name, without following links.
	ReadDir(name string) ([]fs.DirEntry, error)
}

// Layout is what a repository holds.
type Layout struct {
	// Services are sorted by name.
	Services []ServiceFolder
	// Clusters are the names of the folders clusters/<cluster> that have a cluster-config, sorted.
	Clusters []string
}

// ServiceFolder is services/<service>.
type ServiceFolder struct {
	Name string
	// Overlays are the names of the folders below overlays/, sorted.
	Overlays []string
}

// Discover finds services, overlays and clusters.
func Discover(files Files) (*Layout, error) { return nil, nil }
