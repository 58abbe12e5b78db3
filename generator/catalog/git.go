package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Git is a Git repository at a revision. It is read by go-git, so that no program need be installed beside the binary and
// none is started per answer.
type Git struct {
	dir, revision string

	mu   sync.Mutex
	last *Revision
}

// OpenGit returns a Git repository, bare or not, as a source: the branch, tag or commit as it is whenever the source is
// opened.
func OpenGit(dir, revision string) (*Git, error) {
	g := &Git{dir: dir, revision: revision}
	_, err := g.Open(context.Background())
	return g, err
}

// Close does nothing: no file stays open.
func (g *Git) Close() error { return nil }

// Open resolves the revision, and lists its files where it is a new one. The repository is opened each time: go-git does
// not see what others fetch into one that is open.
func (g *Git) Open(ctx context.Context) (*Revision, error) {
	repository, err := git.PlainOpenWithOptions(g.dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.dir, err)
	}
	hash, err := repository.ResolveRevision(plumbing.Revision(g.revision))
	if err != nil {
		return nil, fmt.Errorf("%s: there is no revision %s: %w", g.dir, g.revision, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last != nil && g.last.ID == hash.String() {
		return g.last, nil
	}
	tree, err := listCommit(ctx, repository, *hash)
	if err != nil {
		return nil, fmt.Errorf("%s, revision %s: %w", g.dir, hash, err)
	}
	g.last = &Revision{ID: hash.String(), Tree: tree}
	return g.last, nil
}

func listCommit(ctx context.Context, repository *git.Repository, hash plumbing.Hash) (*snapshot, error) {
	commit, err := repository.CommitObject(hash)
	if err != nil {
		return nil, err
	}
	root, err := commit.Tree()
	if err != nil {
		return nil, err
	}
	objects := &objects{repository: repository}
	snapshot := newSnapshot()
	snapshot.content, snapshot.size = objects.read, objects.size
	if err := list(ctx, repository, snapshot, root, ""); err != nil {
		return nil, err
	}
	snapshot.sort()
	return snapshot, nil
}

// list adds what a tree holds. A submodule is an empty folder, as it is in a clone.
func list(ctx context.Context, repository *git.Repository, snapshot *snapshot, tree *object.Tree, dir string) error {
	for _, found := range tree.Entries {
		e := &entry{path: path.Join(dir, found.Name), mode: 0o644, hash: string(found.Hash[:])}
		switch found.Mode {
		case filemode.Dir, filemode.Submodule:
			e.mode, e.hash = fs.ModeDir|0o755, ""
		case filemode.Symlink:
			e.mode = fs.ModeSymlink | 0o777
		}
		snapshot.add(e)
		if found.Mode != filemode.Dir {
			continue
		}
		below, err := repository.TreeObject(found.Hash)
		if err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
		if err := errors.Join(ctx.Err(), list(ctx, repository, snapshot, below, e.path)); err != nil {
			return err
		}
	}
	return nil
}

// objects reads blobs, one at a time: go-git's storage is not made for several readers.
type objects struct {
	mu         sync.Mutex
	repository *git.Repository
}

func (o *objects) read(e *entry) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	blob, err := o.repository.BlobObject(plumbing.Hash([]byte(e.hash)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.path, err)
	}
	reader, err := blob.Reader()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.path, err)
	}
	content, err := io.ReadAll(reader)
	return content, errors.Join(err, reader.Close())
}

func (o *objects) size(e *entry) int64 {
	if !e.mode.IsRegular() {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	size, err := o.repository.Storer.EncodedObjectSize(plumbing.Hash([]byte(e.hash)))
	if err != nil {
		// Reading it will say what is wrong.
		return 0
	}
	return size
}
