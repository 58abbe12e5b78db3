package mirror

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	argogit "github.com/argoproj/argo-cd/v2/util/git"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Differs tells whether anything below the folders differs between two commits: content, names, modes, links or the commit
// of a submodule. Folders are given from the root of the repository; "" and "." are all of it. A commit that the mirror does
// not have is an error, as is no folder at all.
func (m *Mirror) Differs(ctx context.Context, from, to string, folders []string) (bool, error) {
	if len(folders) == 0 {
		return false, errors.New("no folder to compare")
	}
	m.disk.RLock()
	defer m.disk.RUnlock()
	repository, err := git.PlainOpen(m.store.repository())
	if err != nil {
		return false, err
	}
	before, err := treeOf(repository, from)
	if err != nil {
		return false, err
	}
	after, err := treeOf(repository, to)
	if err != nil {
		return false, err
	}
	for _, folder := range folders {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		a, err := at(repository, before, folder)
		if err != nil {
			return false, err
		}
		b, err := at(repository, after, folder)
		if err != nil || a != b {
			return err == nil, err
		}
	}
	return false, nil
}

// Descends tells whether a commit comes after another one, or is it. A commit that the mirror does not have is an error.
func (m *Mirror) Descends(ctx context.Context, revision, of string) (bool, error) {
	m.disk.RLock()
	defer m.disk.RUnlock()
	repository, err := git.PlainOpen(m.store.repository())
	if err != nil {
		return false, err
	}
	for _, one := range []string{revision, of} {
		if _, err := treeOf(repository, one); err != nil {
			return false, err
		}
	}
	return descends(ctx, repository, revision, of)
}

func treeOf(repository *git.Repository, revision string) (*object.Tree, error) {
	if !argogit.IsCommitSHA(revision) {
		return nil, fmt.Errorf("%q is no commit of 40 digits", revision)
	}
	commit, err := repository.CommitObject(plumbing.NewHash(revision))
	if err != nil {
		return nil, fmt.Errorf("the mirror has no commit %s: %w", revision, err)
	}
	return commit.Tree()
}

// at identifies what a path holds in a tree; empty is nothing. Git's name of a tree covers all that is below. Links are not
// followed.
func at(repository *git.Repository, tree *object.Tree, folder string) (string, error) {
	clean := path.Clean("/" + folder)[1:]
	if strings.Contains("/"+folder+"/", "/../") {
		return "", fmt.Errorf("%q leads out of the repository", folder)
	}
	if clean == "" {
		return tree.Hash.String(), nil
	}
	for {
		name, below, deeper := strings.Cut(clean, "/")
		entry := find(tree, name)
		switch {
		case entry == nil, deeper && entry.Mode != filemode.Dir:
			return "", nil
		case !deeper:
			return entry.Mode.String() + entry.Hash.String(), nil
		}
		next, err := repository.TreeObject(entry.Hash)
		if err != nil {
			return "", fmt.Errorf("%s: %w", folder, err)
		}
		tree, clean = next, below
	}
}

func find(tree *object.Tree, name string) *object.TreeEntry {
	for i := range tree.Entries {
		if tree.Entries[i].Name == name {
			return &tree.Entries[i]
		}
	}
	return nil
}
