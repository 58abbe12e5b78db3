package archive

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"
)

// Hash is a SHA-256.
type Hash = [sha256.Size]byte

// Tree is an unpacked archive, a render.Tree. It does not change, and any number of renders may read it at once.
type Tree struct {
	entries []entry // sorted by name
	hash    Hash
	bytes   int64
	// outline says that it is one.
	outline bool
}

// entry is a file, a folder or a link. The root has none.
type entry struct {
	name string
	// data is the content of a file or the target of a link; nil for a file that is too large to be kept, and in an outline.
	data []byte
	// hash is that of the content or target.
	hash Hash
	size int64
	mode fs.FileMode
}

// Hash tells trees apart by what they hold: paths, types, contents and link targets; not by time or permissions, which
// differ between two checkouts of one commit.
func (t *Tree) Hash() Hash { return t.hash }

// Bytes is about how much memory the tree takes.
func (t *Tree) Bytes() int64 { return t.bytes }

// Outline is the tree without the contents of its files, of which it has only the hashes: enough to tell what there is, and
// whether a file is still the same.
func (t *Tree) Outline() *Tree {
	o := &Tree{entries: slices.Clone(t.entries), hash: t.hash, bytes: t.bytes, outline: true}
	for i := range o.entries {
		if e := &o.entries[i]; e.mode.IsRegular() {
			o.bytes -= int64(len(e.data))
			e.data = nil
		}
	}
	return o
}

// Whole says that the tree is no outline.
func (t *Tree) Whole() bool { return !t.outline }

// Shrunk is the outline of a tree that there is no room for, and how many bytes it takes.
func (t *Tree) Shrunk() (any, int64) {
	if t.outline {
		return t, t.bytes
	}
	o := t.Outline()
	return o, o.bytes
}

func (t *Tree) find(name string) *entry {
	i, found := slices.BinarySearchFunc(t.entries, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
	if !found {
		return nil
	}
	return &t.entries[i]
}

// At tells what there is at a path without reading it: its type, and the hash of its content or of its link's target.
// Nothing there is mode fs.ModeIrregular.
func (t *Tree) At(name string) (fs.FileMode, Hash) {
	if name == "." {
		return fs.ModeDir, Hash{}
	}
	if e := t.find(name); e != nil {
		return e.mode, e.hash
	}
	return fs.ModeIrregular, Hash{}
}

// Lstat describes a file without following a link.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	if name == "." {
		return info{&entry{name: ".", mode: fs.ModeDir}}, nil
	}
	if e := t.find(name); e != nil {
		return info{e}, nil
	}
	return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
}

// ReadLink returns a link's target as it stands in the archive.
func (t *Tree) ReadLink(name string) (string, error) {
	e := t.find(name)
	switch {
	case e == nil:
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
	case e.mode != fs.ModeSymlink:
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return string(e.data), nil
}

// ReadFile returns a copy of a regular file: others read the same tree. It is an error where the content is not kept.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	e := t.find(name)
	switch {
	case e == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case !e.mode.IsRegular():
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case int64(len(e.data)) != e.size:
		return nil, fmt.Errorf("%s has %d bytes, more than are kept of a file", name, e.size)
	}
	return append(make([]byte, 0, len(e.data)), e.data...), nil
}

// info is an fs.FileInfo.
type info struct{ e *entry }

func (i info) Name() string       { return path.Base(i.e.name) }
func (i info) Size() int64        { return i.e.size }
func (i info) Mode() fs.FileMode  { return i.e.mode | 0o644 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.e.mode.IsDir() }
func (i info) Sys() any           { return nil }

// Names goes through all paths, sorted.
func (t *Tree) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range t.entries {
			if !yield(t.entries[i].name) {
				return
			}
		}
	}
}
