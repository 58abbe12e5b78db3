package fleet

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
)

// File is the fleet of a YAML file: documents in the shape of Argo CD's cluster Secrets, without credentials. It is read
// again when it has changed.
type File struct {
	path string

	mu       sync.Mutex
	content  []byte
	clusters []Cluster
	err      error
}

// OpenFile reads a file of clusters. The error names file and line.
func OpenFile(path string) (*File, error) {
	file := &File{path: path}
	_, err := file.Clusters(context.Background())
	return file, err
}

// Clusters reads the file again where it has changed. A file that has become unreadable or wrong is an error.
func (f *File) Clusters(context.Context) ([]Cluster, error) {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("clusters: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil || !bytes.Equal(content, f.content) {
		f.content = content
		f.clusters, f.err = ParseClusters(f.path, content)
	}
	return f.clusters, f.err
}
