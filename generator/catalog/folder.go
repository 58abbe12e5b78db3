package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/plugin/render"
)

// settled is how old a change must be before a file's times are believed to tell of the next one: two changes may lie
// within what the clock of a file system can tell apart.
const settled = 2 * time.Second

// Folder is a folder as it is, committed or not, without .git.
type Folder struct {
	disk *render.Disk

	mu   sync.Mutex
	last *Revision
	// seen are all that the last walk found.
	seen map[string]found
}

// found is a file or a folder as it was found.
type found struct {
	stat fileStat
	// hash is that of a file's content.
	hash string
	// sure says that a change since then would show in the times.
	sure bool
}

// OpenFolder returns a folder as a source.
func OpenFolder(dir string) (*Folder, error) {
	disk, err := render.OpenDisk(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{disk: disk}, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.disk.Close() }

// Open looks at every file, and reads those that have changed.
func (f *Folder) Open(ctx context.Context) (*Revision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last != nil && f.unchanged() {
		return f.last, nil
	}
	tree, seen := newSnapshot(), make(map[string]found, len(f.seen))
	tree.content = f.content
	err := filepath.WalkDir(f.disk.Dir(), func(name string, at fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(f.disk.Dir(), name)
		if err != nil {
			return err
		}
		if at.Name() == ".git" && at.IsDir() {
			return filepath.SkipDir
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return f.visit(tree, seen, filepath.ToSlash(relative), at)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	f.seen = seen
	tree.sort()
	f.last = &Revision{ID: identify(tree), Tree: tree}
	return f.last, nil
}

// unchanged tells whether everything is as it was, by the times of files and folders alone.
func (f *Folder) unchanged() bool {
	names := slices.Collect(maps.Keys(f.seen))
	var changed atomic.Bool
	var group sync.WaitGroup
	for chunk := range slices.Chunk(names, len(names)/runtime.GOMAXPROCS(0)+1) {
		group.Go(func() {
			for _, name := range chunk {
				if changed.Load() {
					return
				}
				known := f.seen[name]
				if stat, err := statFile(f.disk.Dir() + "/" + name); err != nil || !known.sure || stat != known.stat {
					changed.Store(true)
				}
			}
		})
	}
	group.Wait()
	return !changed.Load()
}

func (f *Folder) content(e *entry) ([]byte, error) {
	if e.mode&fs.ModeSymlink != 0 {
		target, err := f.disk.ReadLink(e.path)
		return []byte(target), err
	}
	return f.disk.ReadFile(e.path)
}

func (f *Folder) visit(tree *snapshot, seen map[string]found, name string, at fs.DirEntry) error {
	info, err := at.Info()
	if err != nil {
		return err
	}
	e := &entry{path: name, mode: info.Mode(), bytes: info.Size()}
	stat, err := statFile(f.disk.Dir() + "/" + name)
	if err != nil {
		return err
	}
	now := found{stat: stat, sure: stat.last() < time.Now().Add(-settled).UnixNano()}
	switch known := f.seen[name]; {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := f.disk.ReadLink(name)
		if err != nil {
			return err
		}
		now.hash = sum([]byte(target))
	case !info.Mode().IsRegular():
	case known.sure && known.stat == now.stat:
		now.hash = known.hash
	default:
		content, err := f.disk.ReadFile(name)
		if err != nil {
			return err
		}
		now.hash = sum(content)
	}
	seen[name], e.hash = now, now.hash
	if name != "." {
		tree.add(e)
	}
	return nil
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
