package catalog

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// snapshot is the list of all files of a repository at one moment. Their content is read when it is asked for.
type snapshot struct {
	entries map[string]*entry
	// content reads a file, or a link's target.
	content func(*entry) ([]byte, error)
	// size tells how large a file is.
	size func(*entry) int64
}

// entry is a file, a folder or a link. It describes itself as fs.FileInfo and fs.DirEntry.
type entry struct {
	path string
	mode fs.FileMode
	// hash is that of the content of a file, or of the target of a link.
	hash     string
	bytes    int64
	children []fs.DirEntry
	// tree is the hash of a folder's Git tree; not part of its fingerprint, which says only that there is a folder.
	tree string
	// size is the snapshot's.
	size func(*entry) int64
}

func newSnapshot() *snapshot {
	s := &snapshot{entries: map[string]*entry{}}
	s.entries["."] = &entry{path: ".", mode: fs.ModeDir | 0o755}
	return s
}

// add lists an entry, and the folders above it.
func (s *snapshot) add(e *entry) {
	e.size = s.size
	s.entries[e.path] = e
	parent := s.entries[path.Dir(e.path)]
	if parent == nil {
		parent = &entry{path: path.Dir(e.path), mode: fs.ModeDir | 0o755}
		s.add(parent)
	}
	parent.children = append(parent.children, e)
}

// share lists a folder of another snapshot with all that is below it. Its content must be readable by this one.
func (s *snapshot) share(e *entry) {
	s.entries[e.path] = e
	for _, child := range e.children {
		s.share(child.(*entry))
	}
}

// sort puts the entries of folders in order, as platform.Files wants them.
func (s *snapshot) sort() {
	for _, e := range s.entries {
		sortEntries(e.children)
	}
}

func sortEntries(entries []fs.DirEntry) {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
}

func (s *snapshot) find(op, name string) (*entry, error) {
	if e := s.entries[path.Clean(name)]; e != nil {
		return e, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (s *snapshot) Lstat(name string) (fs.FileInfo, error) {
	e, err := s.find("lstat", name)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (s *snapshot) ReadLink(name string) (string, error) {
	e, err := s.find("readlink", name)
	if err != nil {
		return "", err
	}
	if e.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := s.content(e)
	return string(target), err
}

func (s *snapshot) ReadFile(name string) ([]byte, error) {
	e, err := s.find("open", name)
	if err != nil {
		return nil, err
	}
	if !e.mode.IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%s is no regular file", name)}
	}
	return s.content(e)
}

func (s *snapshot) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := s.find("open", name)
	if err != nil {
		return nil, err
	}
	if !e.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fmt.Errorf("%s is no folder", name)}
	}
	return e.children, nil
}

func (s *snapshot) Fingerprint(name string) string {
	e := s.entries[path.Clean(name)]
	if e == nil {
		return ""
	}
	return e.mode.Type().String() + e.hash
}

func (e *entry) Name() string               { return path.Base(e.path) }
func (e *entry) Mode() fs.FileMode          { return e.mode }
func (e *entry) Type() fs.FileMode          { return e.mode.Type() }
func (e *entry) IsDir() bool                { return e.mode.IsDir() }
func (e *entry) Info() (fs.FileInfo, error) { return e, nil }
func (e *entry) ModTime() time.Time         { return time.Time{} }
func (e *entry) Sys() any                   { return nil }

func (e *entry) Size() int64 {
	if e.size != nil {
		return e.size(e)
	}
	return e.bytes
}
