package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxEntries is how many files and folders a commit may have. Trees that contain one another several times make billions
// out of a few kilobytes.
const maxEntries = 1_000_000

// maxPath is how long a path may be, as on Linux: it bounds how deep folders may be nested.
const maxPath = 4096

// MaxFile is how many bytes a file may have that is read: it is held in memory, and what is packed says nothing of its size.
const MaxFile = 32 << 20

// Commits reads the commits of a Git repository on disk.
type Commits struct {
	dir string
	// most is maxEntries, but in tests.
	most int

	// mu is held while the repository is read: go-git's storage is not made for several readers.
	mu         sync.Mutex
	repository *git.Repository
}

// OpenCommits returns the commits of a repository, bare or not, which is opened when one is read.
func OpenCommits(dir string) *Commits { return &Commits{dir: dir, most: maxEntries} }

// Revision lists the files of a commit, and makes sure that the repository has them all. Of a folder that previous, of the
// same Commits or nil, has as well, nothing is read.
func (c *Commits) Revision(ctx context.Context, hash string, previous *Revision) (*Revision, error) {
	if previous != nil && previous.ID == hash {
		return previous, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	listing := &listing{ctx: ctx, most: c.most, into: newSnapshot()}
	listing.into.content, listing.into.size = c.read, c.size
	if previous != nil {
		listing.previous, _ = previous.Tree.(*snapshot)
	}
	err := c.reopen()
	if err == nil {
		listing.repository = c.repository
		err = listing.commit(plumbing.NewHash(hash))
	}
	if err != nil {
		return nil, fmt.Errorf("%s, revision %s: %w", c.dir, hash, err)
	}
	return &Revision{ID: hash, Tree: listing.into}, nil
}

// Exclusively has the repository changed while nobody reads it.
func (c *Commits) Exclusively(change func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return change()
}

// reopen shows what others have fetched, and forgets what they have replaced.
func (c *Commits) reopen() error {
	repository, err := openRepository(c.dir)
	if err == nil {
		c.repository = repository
	}
	return err
}

// listing is a list of files in the making.
type listing struct {
	ctx            context.Context
	most           int
	repository     *git.Repository
	into, previous *snapshot
}

func (l *listing) commit(hash plumbing.Hash) error {
	commit, err := l.repository.CommitObject(hash)
	if err != nil {
		return err
	}
	return l.folder(l.into.entries["."], commit.TreeHash)
}

// folder adds what a tree holds.
func (l *listing) folder(of *entry, hash plumbing.Hash) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	tree, err := l.repository.TreeObject(hash)
	if err != nil {
		return fmt.Errorf("%s: %w", of.path, err)
	}
	of.tree = string(hash[:])
	for _, found := range tree.Entries {
		if err := l.entry(of, found); err != nil {
			return err
		}
	}
	sortEntries(of.children)
	return nil
}

// entry adds one. A submodule is an empty folder, as it is in a clone.
func (l *listing) entry(of *entry, found object.TreeEntry) error {
	name := path.Join(of.path, found.Name)
	if strings.Contains(found.Name, "/") || found.Name == "" || found.Name == "." || found.Name == ".." || l.into.entries[name] != nil {
		return fmt.Errorf("%s: %q is no name of a file, or is there twice; the commit was not made by Git", of.path, found.Name)
	}
	if len(l.into.entries) >= l.most || len(name) > maxPath {
		return fmt.Errorf("%.100s: there are more than %d files and folders, or paths of more than %d bytes", name, l.most, maxPath)
	}
	if found.Mode == filemode.Dir {
		if known := l.known(name, found.Hash); known != nil {
			l.into.share(known)
			of.children = append(of.children, known)
			return nil
		}
	}
	e := &entry{path: name, mode: 0o644, hash: string(found.Hash[:])}
	switch found.Mode {
	case filemode.Dir, filemode.Submodule:
		e.mode, e.hash = fs.ModeDir|0o755, ""
	case filemode.Symlink:
		e.mode = fs.ModeSymlink | 0o777
	}
	l.into.add(e)
	switch found.Mode {
	case filemode.Dir:
		return l.folder(e, found.Hash)
	case filemode.Submodule:
		return nil
	}
	if err := l.repository.Storer.HasEncodedObject(found.Hash); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// known is the folder as it was listed before, if it holds the same.
func (l *listing) known(name string, hash plumbing.Hash) *entry {
	if l.previous == nil {
		return nil
	}
	if e := l.previous.entries[name]; e != nil && e.tree == string(hash[:]) {
		return e
	}
	return nil
}

// read returns the content of a file, from the repository as it was opened last or, where that has it no longer, as it is.
func (c *Commits) read(e *entry) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.repository != nil {
		if content, err := readBlob(c.repository, e); err == nil {
			return content, nil
		}
	}
	if err := c.reopen(); err != nil {
		return nil, err
	}
	content, err := readBlob(c.repository, e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.path, err)
	}
	return content, nil
}

func readBlob(repository *git.Repository, e *entry) ([]byte, error) {
	hash := plumbing.Hash([]byte(e.hash))
	size, err := repository.Storer.EncodedObjectSize(hash)
	if err != nil {
		return nil, err
	}
	if size > MaxFile {
		return nil, fmt.Errorf("it has %d bytes, and no more than %d are read", size, MaxFile)
	}
	blob, err := repository.BlobObject(hash)
	if err != nil {
		return nil, err
	}
	reader, err := blob.Reader()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(reader)
	return content, errors.Join(err, reader.Close())
}

func (c *Commits) size(e *entry) int64 {
	if !e.mode.IsRegular() {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	hash := plumbing.Hash([]byte(e.hash))
	size, err := c.repository.Storer.EncodedObjectSize(hash)
	if err != nil && c.reopen() == nil {
		size, err = c.repository.Storer.EncodedObjectSize(hash)
	}
	if err != nil {
		// Reading it will say what is wrong.
		return 0
	}
	return size
}
