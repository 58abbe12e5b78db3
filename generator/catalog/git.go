package catalog

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// Git is a Git repository at a revision. It is read by go-git, so that no program need be installed beside the binary and
// none is started per answer.
type Git struct {
	dir, revision string
	commits       *Commits

	mu   sync.Mutex
	last *Revision
}

// OpenGit returns a Git repository, bare or not, as a source: the branch, tag or commit as it is whenever the source is
// opened.
func OpenGit(dir, revision string) (*Git, error) {
	g := &Git{dir: dir, revision: revision, commits: OpenCommits(dir)}
	_, err := g.Open(context.Background())
	return g, err
}

// Close does nothing: no file stays open.
func (g *Git) Close() error { return nil }

// Open resolves the revision, and lists its files where it is a new one. The repository is opened each time: go-git does
// not see what others fetch into one that is open.
func (g *Git) Open(ctx context.Context) (*Revision, error) {
	repository, err := openRepository(g.dir)
	if err != nil {
		return nil, err
	}
	hash, err := repository.ResolveRevision(plumbing.Revision(g.revision))
	if err != nil {
		return nil, fmt.Errorf("%s: there is no revision %s: %w", g.dir, g.revision, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	revision, err := g.commits.Revision(ctx, hash.String(), g.last)
	if err != nil {
		return nil, err
	}
	g.last = revision
	return revision, nil
}

func openRepository(dir string) (*git.Repository, error) {
	repository, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return repository, nil
}
