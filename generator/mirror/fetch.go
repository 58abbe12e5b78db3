package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/generator/mirror/remote"
)

// maxHaves is how many commits the remote repository is told that there are: enough to find where a rewritten branch left.
const maxHaves = 256

// fetch asks where the branch is, and stores what leads to it.
func (m *Mirror) fetch(ctx context.Context) (string, error) {
	access := &credentials.Access{}
	if m.options.Access != nil {
		found, err := m.options.Access(ctx, m.options.URL)
		if err != nil {
			return "", fmt.Errorf("finding credentials: %w", err)
		}
		access = found
	}
	size, err := m.store.size()
	if err != nil {
		return "", err
	}
	session, err := remote.Open(ctx, m.endpoint, access, m.options.SizeLimit)
	if err != nil {
		return "", err
	}
	head, err := m.fetchFrom(ctx, session, m.options.SizeLimit-size)
	if errors.Is(err, remote.ErrTooLarge) {
		err = fmt.Errorf("%w, %d bytes; raise it, or empty %s if the history was rewritten often", err, m.options.SizeLimit, m.options.Dir)
	}
	if closed := session.Close(); err == nil {
		err = closed
	}
	return head, err
}

func (m *Mirror) fetchFrom(ctx context.Context, session remote.Session, room int64) (string, error) {
	head, err := remote.Head(ctx, session, m.options.Branch)
	var missing *remote.NoBranchError
	if errors.As(err, &missing) || errors.Is(err, remote.ErrEmpty) {
		return "", &doubt{NoBranch, err}
	}
	if err != nil {
		return "", err
	}
	repository, err := m.repository()
	if err != nil {
		return "", err
	}
	if _, err := repository.CommitObject(head); err == nil {
		return head.String(), nil
	}
	pack, err := session.Pack(ctx, head, m.haves(ctx, repository))
	if err != nil {
		return "", err
	}
	return head.String(), addAndClose(m.store, pack, max(room, 0))
}

// repository opens the copy, or an empty one where that has become impossible.
func (m *Mirror) repository() (*git.Repository, error) {
	repository, err := git.PlainOpen(m.store.repository())
	if err == nil {
		return repository, nil
	}
	if err := m.rebuild(err); err != nil {
		return nil, err
	}
	return git.PlainOpen(m.store.repository())
}

func addAndClose(store *store, pack io.ReadCloser, room int64) error {
	err := store.addPack(pack, room)
	if closed := pack.Close(); err == nil {
		err = closed
	}
	return err
}

// haves are the newest commits of the copy.
func (m *Mirror) haves(ctx context.Context, repository *git.Repository) []plumbing.Hash {
	var out []plumbing.Hash
	state := m.State()
	for _, revision := range []string{state.Revision, state.Seen} {
		err := walk(ctx, repository, revision, func(commit *object.Commit) bool {
			out = append(out, commit.Hash)
			return len(out) < maxHaves
		})
		if err != nil {
			// One that is not there is none to tell of. More is fetched than need be.
			continue
		}
	}
	return out
}

// walk calls a function with a commit and those before it, newest first, until it is false.
func walk(ctx context.Context, repository *git.Repository, from string, each func(*object.Commit) bool) error {
	commit, err := repository.CommitObject(plumbing.NewHash(from))
	if err != nil {
		return err
	}
	history := object.NewCommitIterCTime(commit, nil, nil)
	defer history.Close()
	for {
		commit, err := history.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if !each(commit) {
			return nil
		}
	}
}

// list lists the files of the branch's commit. What the copy lacks may be missing here or there: the copy is thrown away
// once for each commit, to know.
func (m *Mirror) list(ctx context.Context, head string) (*catalog.Revision, error) {
	m.mu.Lock()
	last := m.revision
	m.mu.Unlock()
	revision, err := m.commits.Revision(ctx, head, last)
	if err == nil || ctx.Err() != nil {
		return revision, err
	}
	if m.rebuilt != head {
		m.rebuilt = head
		if err := m.rebuild(err); err != nil {
			return nil, err
		}
		if head, err = m.fetch(ctx); err != nil {
			return nil, err
		}
		// What was known of the copy that is gone is not to be relied on.
		revision, err = m.commits.Revision(ctx, head, nil)
	}
	if err != nil && ctx.Err() == nil {
		err = doubtf(Incomplete, "the repository lacks some of what its newest commit refers to, or the commit cannot be read: %w", err)
	}
	return revision, err
}

// rebuild throws the copy away, to be cloned anew. Its error is that this failed.
func (m *Mirror) rebuild(cause error) error {
	m.log.Warn("the mirror is damaged; it is removed and cloned anew", "folder", m.options.Dir, "error", cause)
	m.disk.Lock()
	defer m.disk.Unlock()
	return m.store.reset()
}
