package render

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is a read-only view of a repository, with slash-separated paths relative to its root. Symbolic links are told
// apart, not followed: the renderer resolves them itself, so that none leads out of the tree.
type Tree interface {
	// Lstat describes a file without following a link.
	Lstat(name string) (fs.FileInfo, error)
	// ReadLink returns a link's target: relative to the link's folder, or absolute where it leaves the tree.
	ReadLink(name string) (string, error)
	// ReadFile reads a regular file.
	ReadFile(name string) ([]byte, error)
}

// Disk is the Tree of a folder. Close releases it.
type Disk struct {
	root *os.Root
	dir  string
}

// OpenDisk opens a folder as a Tree.
func OpenDisk(dir string) (*Disk, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if absolute, err = filepath.EvalSymlinks(absolute); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, err
	}
	return &Disk{root: root, dir: absolute}, nil
}

// Close releases the folder.
func (d *Disk) Close() error { return d.root.Close() }

// Dir is the folder's absolute path, free of links.
func (d *Disk) Dir() string { return d.dir }

// OfGit says whether a path is Git's own. No commit can hold one; what is in it differs between checkouts of one commit, and
// may be a secret. No tree has it.
func OfGit(name string) bool { return slices.Contains(strings.Split(name, "/"), ".git") }

func hidden(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// ReadFile reads a regular file.
func (d *Disk) ReadFile(name string) ([]byte, error) {
	if OfGit(name) {
		return nil, hidden("open", name)
	}
	return d.root.ReadFile(name)
}

// Lstat describes a file without following a link.
func (d *Disk) Lstat(name string) (fs.FileInfo, error) {
	if OfGit(name) {
		return nil, hidden("lstat", name)
	}
	return d.root.Lstat(name)
}

// ReadLink returns a link's target. Argo CD's cmp-server unpacks links as absolute ones into its own folder (argo-cd
// util/io/files.Untgz), so an absolute target below the root is made relative to the link's folder.
func (d *Disk) ReadLink(name string) (string, error) {
	if OfGit(name) {
		return "", hidden("readlink", name)
	}
	target, err := d.root.Readlink(name)
	if err != nil || !filepath.IsAbs(target) {
		return filepath.ToSlash(target), err
	}
	inside, err := filepath.Rel(d.dir, target)
	if err != nil || inside == ".." || strings.HasPrefix(inside, "../") {
		return target, nil
	}
	relative, err := filepath.Rel(filepath.Join(d.dir, filepath.Dir(name)), target)
	return filepath.ToSlash(relative), err
}
