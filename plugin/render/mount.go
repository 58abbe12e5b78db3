package render

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Mount shows a tree as one part of its repository, where only that part is at hand: Argo CD can be told to send a
// plugin nothing but what argocd.argoproj.io/manifest-generate-paths names. Paths are then the repository's.
func Mount(tree Tree, place string) Tree {
	if place = path.Clean(place); place == "." {
		return tree
	}
	return mount{tree: tree, place: place}
}

type mount struct {
	tree  Tree
	place string
}

// notSentError is what is found where the repository may have something that is not at hand.
type notSentError struct{ place string }

func (e notSentError) Error() string {
	return fmt.Sprintf("no such file in what Argo CD sent, which is %s; name what else is needed in the Application's "+
		"annotation argocd.argoproj.io/manifest-generate-paths", e.place)
}

func (e notSentError) Is(target error) bool { return target == fs.ErrNotExist }

// inside returns the path in the tree.
func (m mount) inside(op, name string) (string, error) {
	if name == m.place {
		return ".", nil
	}
	if rest, found := strings.CutPrefix(name, m.place+"/"); found {
		return rest, nil
	}
	return "", &fs.PathError{Op: op, Path: name, Err: notSentError{m.place}}
}

func (m mount) Lstat(name string) (fs.FileInfo, error) {
	if name == "." || strings.HasPrefix(m.place, name+"/") {
		return folder(path.Base(name)), nil
	}
	inside, err := m.inside("lstat", name)
	if err != nil {
		return nil, err
	}
	return m.tree.Lstat(inside)
}

func (m mount) ReadLink(name string) (string, error) {
	inside, err := m.inside("readlink", name)
	if err != nil {
		return "", err
	}
	return m.tree.ReadLink(inside)
}

func (m mount) ReadFile(name string) ([]byte, error) {
	inside, err := m.inside("open", name)
	if err != nil {
		return nil, err
	}
	return m.tree.ReadFile(inside)
}

// folder describes a folder above the place.
type folder string

func (f folder) Name() string     { return string(f) }
func (folder) Size() int64        { return 0 }
func (folder) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (folder) ModTime() time.Time { return time.Time{} }
func (folder) IsDir() bool        { return true }
func (folder) Sys() any           { return nil }
