package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

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
func (m *Mirror) fetch(ctx context.Context) (string, error) { return m.connected(ctx, m.fetchFrom) }

// connected does something with the remote repository, with as much room as there is for what it sends.
func (m *Mirror) connected(ctx context.Context, do func(context.Context, remote.Session, int64) (string, error)) (head string, err error) {
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
	m.asked = time.Now()
	session, err := remote.Open(ctx, m.endpoint, access, m.options.SizeLimit)
	if err != nil {
		return "", err
	}
	defer func() {
		if closed := session.Close(); err == nil {
			err = closed
		}
	}()
	head, err = do(ctx, session, max(m.options.SizeLimit-size, 0))
	if errors.Is(err, remote.ErrTooLarge) {
		err = fmt.Errorf("%w, %d bytes; raise it, or empty %s if the history was rewritten often", err, m.options.SizeLimit, m.options.Dir)
	}
	return head, err
}

func (m *Mirror) fetchFrom(ctx context.Context, session remote.Session, room int64) (string, error) {
	head, err := m.head(ctx, session)
	if err != nil {
		return "", err
	}
	repository, err := git.PlainOpen(m.store.repository())
	if err != nil {
		return head.String(), m.replace(ctx, session, head, room, err)
	}
	if _, err := repository.CommitObject(head); err == nil {
		return head.String(), nil
	}
	pack, err := session.Pack(ctx, head, m.haves(ctx, repository))
	if err != nil {
		return "", err
	}
	return head.String(), addAndClose(m.store, pack, room)
}

// head is where the branch is.
func (m *Mirror) head(ctx context.Context, session remote.Session) (plumbing.Hash, error) {
	head, err := remote.Head(ctx, session, m.options.Branch)
	var missing *remote.NoBranchError
	if errors.As(err, &missing) || errors.Is(err, remote.ErrEmpty) {
		err = &doubt{NoBranch, err}
	}
	return head, err
}

// replace clones the repository anew, beside the copy, and puts the clone in its place once it has all that it must have:
// what is left of the last good revision is all that there is of it until then.
func (m *Mirror) replace(ctx context.Context, session remote.Session, head plumbing.Hash, room int64, cause error) (err error) {
	m.log.Warn("the mirror is damaged, or the repository is; it is cloned anew, and replaced if the clone is complete",
		"folder", m.options.Dir, "revision", head, "error", cause)
	next := m.store.second()
	defer func() { err = errors.Join(err, os.RemoveAll(next.dir)) }()
	if err := next.reset(); err != nil {
		return err
	}
	pack, err := session.Pack(ctx, head, nil)
	if err != nil {
		return err
	}
	if err := addAndClose(next, pack, room); err != nil {
		return err
	}
	if err := m.complete(ctx, next, head.String()); err != nil {
		return err
	}
	m.disk.Lock()
	defer m.disk.Unlock()
	return m.commits.Exclusively(func() error { return m.store.become(next) })
}

// complete doubts a clone that lacks some of the branch's commit, or the last good revision. A commit that is accepted needs
// none before it.
func (m *Mirror) complete(ctx context.Context, clone *store, head string) error {
	commits := catalog.OpenCommits(clone.repository())
	revision, err := list(ctx, commits, head, nil)
	if err != nil || m.saved.Revision == "" || slices.Contains(m.acceptable(), head) {
		return err
	}
	repository, err := git.PlainOpen(clone.repository())
	if err != nil {
		return err
	}
	if err := m.follows(ctx, repository, m.saved.Revision, head); err != nil {
		return err
	}
	_, err = list(ctx, commits, m.saved.Revision, revision)
	return err
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

// list lists the files of a commit, and doubts one that is not all there.
func list(ctx context.Context, commits *catalog.Commits, commit string, previous *catalog.Revision) (*catalog.Revision, error) {
	revision, err := commits.Revision(ctx, commit, previous)
	if err != nil && ctx.Err() == nil {
		err = doubtf(Incomplete, "the repository lacks some of what its newest commit refers to, or the commit cannot be read: %w", err)
	}
	return revision, err
}

// recloned tells what came of cloning the repository anew because of a commit.
type recloned struct {
	head string
	// fetches found the commit incomplete.
	fetches int
	// doubt is why the clone was not put in the copy's place.
	doubt *doubt
}

// reclone clones the repository anew because of a commit that is not all there, which the copy may be to blame for, or the
// repository, which may be repaired. It does so the less often the longer that lasts; between, it is the doubt that there
// was.
func (m *Mirror) reclone(ctx context.Context, head string, cause error) (string, error) {
	if m.recloned.head != head {
		m.recloned = recloned{head: head}
	}
	m.recloned.fetches++
	if often := m.recloned.fetches; often&(often-1) != 0 && !slices.Contains(m.acceptable(), head) {
		if m.recloned.doubt != nil {
			return "", m.recloned.doubt
		}
		return "", cause
	}
	head, err := m.connected(ctx, func(ctx context.Context, session remote.Session, room int64) (string, error) {
		head, err := m.head(ctx, session)
		if err != nil {
			return "", err
		}
		return head.String(), m.replace(ctx, session, head, room, cause)
	})
	m.recloned.doubt = nil
	errors.As(err, &m.recloned.doubt)
	return head, err
}
