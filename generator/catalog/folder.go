package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/plugin/render"
)

// settled is how old a change must be before a file's times are believed to tell of the next one: two changes may lie
// within what the clock of a file system can tell apart.
const settled = 2 * time.Second

// Folder is a folder as it is, committed or not, without .git.
type Folder struct {
	disk *render.Disk

	mu     sync.Mutex
	hashes map[string]hashed
}

// hashed is the hash of a file that had these times and this size.
type hashed struct {
	stat fileStat
	hash string
	// sure says that a change after the hash was taken would show in the times.
	sure bool
}

// fileStat is what changes when a file does.
type fileStat struct {
	size             int64
	modified, change time.Time
	inode            uint64
}

// OpenFolder returns a folder as a source.
func OpenFolder(dir string) (*Folder, error) {
	disk, err := render.OpenDisk(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{disk: disk, hashes: map[string]hashed{}}, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.disk.Close() }

// Open looks at every file, and reads those that have changed.
func (f *Folder) Open(ctx context.Context) (*Revision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tree, hashes := newSnapshot(), make(map[string]hashed, len(f.hashes))
	tree.content = func(e *entry) ([]byte, error) {
		if e.mode&fs.ModeSymlink != 0 {
			target, err := f.disk.ReadLink(e.path)
			return []byte(target), err
		}
		return f.disk.ReadFile(e.path)
	}
	err := filepath.WalkDir(f.disk.Dir(), func(name string, found fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(f.disk.Dir(), name)
		switch {
		case err != nil:
			return err
		case relative == ".":
			return ctx.Err()
		case found.Name() == ".git" && found.IsDir():
			return filepath.SkipDir
		}
		return f.visit(tree, hashes, filepath.ToSlash(relative), found)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	f.hashes = hashes
	tree.sort()
	return &Revision{ID: identify(tree), Tree: tree}, nil
}

func (f *Folder) visit(tree *snapshot, hashes map[string]hashed, name string, found fs.DirEntry) error {
	info, err := found.Info()
	if err != nil {
		return err
	}
	e := &entry{path: name, mode: info.Mode(), bytes: info.Size()}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := f.disk.ReadLink(name)
		if err != nil {
			return err
		}
		e.hash = sum([]byte(target))
	case info.Mode().IsRegular():
		known, err := f.hash(name, info)
		if err != nil {
			return err
		}
		hashes[name], e.hash = known, known.hash
	}
	tree.add(e)
	return nil
}

// hash returns the hash of a file, which it reads only if it may have changed.
func (f *Folder) hash(name string, info fs.FileInfo) (hashed, error) {
	now := fileStat{size: info.Size(), modified: info.ModTime()}
	if system, ok := info.Sys().(*syscall.Stat_t); ok {
		now.inode, now.change = system.Ino, time.Unix(system.Ctim.Unix())
	}
	if known, ok := f.hashes[name]; ok && known.sure && known.stat == now {
		return known, nil
	}
	started := time.Now()
	content, err := f.disk.ReadFile(name)
	if err != nil {
		return hashed{}, err
	}
	return hashed{stat: now, hash: sum(content), sure: now.change.Before(started.Add(-settled)) && now.modified.Before(started.Add(-settled))}, nil
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return string(digest[:])
}

// identify is the hash of what a tree holds.
func identify(tree *snapshot) string {
	digest := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(tree.entries)) {
		fmt.Fprintf(digest, "%q %q\n", name, tree.Fingerprint(name))
	}
	return "folder-" + hex.EncodeToString(digest.Sum(nil))[:16]
}
