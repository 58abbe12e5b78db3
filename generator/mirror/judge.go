package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/internal/platform"
)

// judge tells whether a commit may follow the last good one, and the one that others took for it when the branch was not yet
// asked for: what they have accepted since may be newer. A nil error means that it may.
func (m *Mirror) judge(ctx context.Context, revision *catalog.Revision, witnessed string) error {
	repository, err := git.PlainOpen(m.store.repository())
	if err != nil {
		return err
	}
	if err := m.signed(ctx, repository, revision.ID); err != nil {
		return err
	}
	if _, err := revision.Tree.Lstat(platform.File); err != nil {
		return doubtf(Emptied, "%s is missing at the root of the repository, revision %s; it must come back", platform.File, revision.ID)
	}
	bases := []string{m.saved.Revision, witnessed}
	if accepted := m.accepted(ctx, repository, revision.ID, witnessed); accepted != "" {
		bases = []string{accepted}
	}
	for i, base := range bases {
		if base == revision.ID || base == "" && strings.Join(bases, "") != "" || slices.Contains(bases[:i], base) {
			continue
		}
		if err := m.follows(ctx, repository, base, revision.ID); err != nil {
			return err
		}
		if err := m.emptied(ctx, base, revision); err != nil {
			return err
		}
	}
	return nil
}

// accepted returns the revision that an operator has accepted instead of the last good one, and that a commit is or follows;
// empty where there is none. A new copy does not know which confirmations have been made use of: what others took for the truth
// tells, and where that is not there any more, only the commit itself is confirmed and nothing that follows it.
func (m *Mirror) accepted(ctx context.Context, repository *git.Repository, head, witnessed string) string {
	for _, revision := range m.acceptable() {
		if revision == head {
			return head
		}
		before, err := descends(ctx, repository, head, revision)
		if err != nil || !before {
			continue
		}
		// What lies before the last good one was confirmed, if at all, by the branch itself.
		if known, err := descends(ctx, repository, cmp.Or(m.saved.Revision, witnessed), revision); err != nil || known {
			continue
		}
		return revision
	}
	return ""
}

// witnessed is the last good commit as others know it; empty where nobody does.
func (m *Mirror) witnessed(ctx context.Context) (string, error) {
	if m.options.Witness == nil {
		return "", nil
	}
	known, err := m.options.Witness(ctx)
	if err != nil && m.saved.Revision == "" {
		return "", doubtf(Unread, "the copy is new, and which revision was the last good one cannot be read: %w", err)
	}
	if err != nil {
		return "", fmt.Errorf("which revision other replicas took for the last good one cannot be read: %w", err)
	}
	return known, nil
}

// acceptable are the confirmations that have not been made use of.
func (m *Mirror) acceptable() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.accept), func(revision string) bool { return slices.Contains(m.saved.Accepted, revision) })
}

// descends tells whether a revision is another one or comes after it. An empty one is before every other.
func descends(ctx context.Context, repository *git.Repository, revision, of string) (bool, error) {
	if of == "" || revision == of {
		return true, nil
	}
	if revision == "" {
		return false, nil
	}
	found := false
	err := walk(ctx, repository, revision, func(commit *object.Commit) bool {
		found = commit.Hash.String() == of
		return !found
	})
	return found, err
}

// follows doubts a history that does not lead back to the base.
func (m *Mirror) follows(ctx context.Context, repository *git.Repository, base, head string) error {
	after, err := descends(ctx, repository, head, base)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return doubtf(Incomplete, "the repository's history ends before the last good revision %s: %w; is it a shallow clone?", base, err)
	}
	if err != nil || after {
		return err
	}
	how := "does not follow"
	if before, err := descends(ctx, repository, base, head); err == nil && before {
		how = "is older than"
	}
	return doubtf(Rewritten, "the branch was rewritten: revision %s %s %s, the last good one; %s", head, how, base, confirm(head))
}

func confirm(head string) string {
	return fmt.Sprintf("if that was intended, confirm it with --accept-revision %s", head)
}

// kept are the folders of which some must stay.
var kept = []string{platform.ServicesFolder, platform.ClustersFolder}

// emptied doubts a revision in which all services, or all clusters, of the base are gone.
func (m *Mirror) emptied(ctx context.Context, base string, revision *catalog.Revision) error {
	if base == "" {
		if !slices.ContainsFunc(kept, func(dir string) bool { return folders(revision.Tree, dir) > 0 }) {
			return doubtf(Emptied, "there is no folder below %s in revision %s: this is no config repository yet", strings.Join(kept, "/ or ")+"/", revision.ID)
		}
		return nil
	}
	before, err := m.commits.Revision(ctx, base, revision)
	if err != nil {
		return err
	}
	for _, dir := range kept {
		if had := folders(before.Tree, dir); had > 0 && folders(revision.Tree, dir) == 0 {
			return doubtf(Emptied, "all %d folders below %s/ are gone in revision %s; %s", had, dir, revision.ID, confirm(revision.ID))
		}
	}
	return nil
}

// folders counts those of a folder.
func folders(tree catalog.Tree, dir string) int {
	entries, err := tree.ReadDir(dir)
	if err != nil {
		return 0
	}
	return len(slices.DeleteFunc(slices.Clone(entries), func(e fs.DirEntry) bool { return !e.IsDir() }))
}

// signed doubts a commit without a signature by one of the keys.
func (m *Mirror) signed(ctx context.Context, repository *git.Repository, revision string) error {
	if m.options.Keys == nil {
		return nil
	}
	keys, err := m.options.Keys(ctx)
	if err != nil {
		return err
	}
	commit, err := repository.CommitObject(plumbing.NewHash(revision))
	if err != nil {
		return err
	}
	if !strings.Contains(commit.PGPSignature, "BEGIN PGP SIGNATURE") {
		return doubtf(Unsigned, "revision %s has no GPG signature; sign the branch's newest commit", revision)
	}
	for _, key := range keys {
		if _, err := commit.Verify(key); err == nil {
			return nil
		}
	}
	return doubtf(Unsigned, "revision %s is signed by none of the keys %s; add the key with argocd gpg add, or sign with one of them", revision, credentials.IDs(keys))
}

// adopt makes a revision the last good one, and makes sure that it is after a restart.
func (m *Mirror) adopt(ctx context.Context, revision *catalog.Revision, witnessed string) error {
	repository, err := git.PlainOpen(m.store.repository())
	if err != nil {
		return err
	}
	commit, err := repository.CommitObject(plumbing.NewHash(revision.ID))
	if err != nil {
		return err
	}
	next := m.saved
	next.Revision, next.Committed, next.Contact = revision.ID, commit.Committer.When, m.State().Contact
	next.Accepted = slices.Clone(next.Accepted)
	for _, accepted := range m.acceptable() {
		if used, err := descends(ctx, repository, revision.ID, accepted); err == nil && used {
			next.Accepted = append(next.Accepted, accepted)
		}
	}
	if err := m.store.save(next); err != nil {
		return err
	}
	m.saved, m.knowing = next, witnessed
	return nil
}

// Follows tells whether the last good revision is another one, comes after it, or was taken with the knowledge that others
// had that one.
func (m *Mirror) Follows(ctx context.Context, other string) (bool, error) {
	m.mu.Lock()
	good, instead, doubt := m.state.Revision, m.instead, m.state.Doubt
	m.mu.Unlock()
	if other == "" || other == good || good != "" && other == instead {
		return true, nil
	}
	if doubt != "" {
		return false, nil // what another replica has is the truth, perhaps
	}
	m.disk.RLock()
	defer m.disk.RUnlock()
	repository, err := git.PlainOpen(m.store.repository())
	if err != nil {
		return false, err
	}
	follows, err := descends(ctx, repository, good, other)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return false, nil
	}
	return follows, err
}
