package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The folders of a config repository.
const (
	ServicesFolder      = "services"
	OverlaysFolder      = "overlays"
	ClustersFolder      = "clusters"
	ClusterConfigFolder = "cluster-config"
)

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

// Discover finds services, overlays and clusters. Files beside the folders, and folders that begin with a dot, are
// nobody's. The error lists everything that is wrong.
func Discover(files Files) (*Layout, error) {
	found := discovery{files: files}
	layout := new(Layout)
	for _, service := range found.folders(ServicesFolder) {
		dir := path.Join(ServicesFolder, service)
		found.label(dir, service)
		overlays := found.folders(path.Join(dir, OverlaysFolder))
		layout.Services = append(layout.Services, ServiceFolder{Name: service, Overlays: overlays})
	}
	for _, cluster := range found.folders(ClustersFolder) {
		if found.exists(path.Join(ClustersFolder, cluster, ClusterConfigFolder)) {
			layout.Clusters = append(layout.Clusters, cluster)
		}
	}
	if len(layout.Services)+len(layout.Clusters)+len(found.errors) == 0 {
		return nil, fmt.Errorf("there is no folder below %s/ or %s/: this is not a config repository, or not its root",
			ServicesFolder, ClustersFolder)
	}
	return layout, errors.Join(found.errors...)
}

// discovery collects what is wrong on the way.
type discovery struct {
	files  Files
	errors []error
}

// folders lists the folders in a folder. One that is not there has none.
func (d *discovery) folders(dir string) []string {
	entries, err := d.files.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.errors = append(d.errors, fmt.Errorf("%s: %w", dir, err))
	}
	var names []string
	for _, entry := range entries {
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.Type()&fs.ModeSymlink != 0:
			d.errors = append(d.errors, fmt.Errorf("%s is a link; want a folder of its own", path.Join(dir, entry.Name())))
		case entry.IsDir():
			names = append(names, entry.Name())
		}
	}
	return names
}

func (d *discovery) exists(dir string) bool {
	_, err := d.files.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.errors = append(d.errors, fmt.Errorf("%s: %w", dir, err))
	}
	return err == nil
}

func (d *discovery) label(dir, name string) {
	for _, problem := range validation.IsDNS1123Label(name) {
		d.errors = append(d.errors, fmt.Errorf("%s: %q cannot be the name of a service: %s", dir, name, problem))
	}
}

// Folders are those that the overlays of a service may read, outer ones only: its own first, then the shared ones, sorted.
func (p *Platform) Folders(service string) []string {
	shared := slices.Concat(p.SharedFolders, p.Services[service].SharedFolders)
	slices.Sort(shared)
	return append([]string{path.Join(ServicesFolder, service)}, shared...)
}

// ClusterFolders are those that the configuration of a cluster may read.
func (p *Platform) ClusterFolders(cluster string) []string {
	shared := slices.Sorted(slices.Values(p.SharedFolders))
	return append([]string{path.Join(ClustersFolder, cluster, ClusterConfigFolder)}, shared...)
}
