// Package remote reads Git repositories elsewhere: which commit a branch is at, and the objects that lead to it.
//
// It runs no program and reads no configuration: no hooks, no helpers, no prompts, no submodules. It follows no redirect to
// another server, and every wait ends with the context.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"github.com/tidegate/tidegate/generator/mirror/credentials"
)

// ErrEmpty says that a repository has no branch at all.
var ErrEmpty = errors.New("the repository is empty: it has no branch")

// NoBranchError says that a repository has branches, and not the one that was asked for.
type NoBranchError struct {
	Branch string
	// There are the branches that it has, a few of them.
	There []string
}

func (e *NoBranchError) Error() string {
	return fmt.Sprintf("the repository has no branch %s; it has %s", e.Branch, strings.Join(e.There, ", "))
}

// Session is a connection to a repository.
type Session interface {
	// References are those of the repository.
	References(ctx context.Context) (*packp.AdvRefs, error)
	// Pack returns a pack with what leads to a commit and not to those that are there already.
	Pack(ctx context.Context, want plumbing.Hash, have []plumbing.Hash) (io.ReadCloser, error)
	Close() error
}

// Endpoint is the address of a repository. That of one that is read over HTTP has no user: whoever prints it prints no token.
type Endpoint struct {
	*transport.Endpoint
	// user is who the URL says is asking, over HTTP; it may be a token.
	user string
}

// Parse reads a URL: https, ssh (git@host:path, too) and file, or http where it is allowed.
func Parse(repoURL string, allowHTTP bool) (Endpoint, error) {
	if parsed, err := url.Parse(repoURL); err == nil && parsed.User != nil {
		if _, has := parsed.User.Password(); has {
			return Endpoint{}, errors.New("the repository's URL holds a password, which would be shown in logs; put it into a repository Secret of Argo CD")
		}
	}
	endpoint, err := transport.NewEndpoint(repoURL)
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s: the repository's URL cannot be parsed", credentials.Shown(repoURL))
	}
	switch {
	case endpoint.Protocol == "git+ssh":
		endpoint.Protocol = "ssh"
	case endpoint.Protocol == "https", endpoint.Protocol == "ssh":
	case endpoint.Protocol == "http" && allowHTTP:
	case endpoint.Protocol == "file" && strings.HasPrefix(repoURL, "file://"):
	case endpoint.Protocol == "http":
		return Endpoint{}, fmt.Errorf("%s: http is neither secret nor verified; use https, or allow it explicitly", credentials.Shown(repoURL))
	default:
		return Endpoint{}, fmt.Errorf("%q: a repository's URL starts with https://, ssh:// or file://, or is of the form git@host:path", credentials.Shown(repoURL))
	}
	at := Endpoint{Endpoint: endpoint}
	if endpoint.Protocol == "https" || endpoint.Protocol == "http" {
		at.user, endpoint.User = endpoint.User, ""
	}
	return at, nil
}

// Open connects to a repository. Of what the server sends, no more than limit bytes are read.
func Open(ctx context.Context, at Endpoint, access *credentials.Access, limit int64) (Session, error) {
	switch at.Protocol {
	case "file":
		return openFile(at)
	case "ssh":
		return openSSH(ctx, at, access, limit)
	}
	return openHTTP(at, access, limit), nil
}

// Head returns the commit that a branch is at. HEAD, or no name, is the repository's own choice.
func Head(ctx context.Context, session Session, branch string) (plumbing.Hash, error) {
	refs, err := session.References(ctx)
	if errors.Is(err, packp.ErrEmptyAdvRefs) {
		return plumbing.ZeroHash, ErrEmpty
	}
	if errors.Is(err, packp.ErrEmptyInput) {
		// That is no empty repository, but a connection that has ended.
		return plumbing.ZeroHash, fmt.Errorf("the server says nothing about the repository: %w", err)
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	name := "refs/heads/" + strings.TrimPrefix(branch, "refs/heads/")
	if branch == "" || branch == "HEAD" {
		if refs.Head != nil {
			return *refs.Head, nil
		}
		name = "HEAD"
	}
	if hash, ok := refs.References[name]; ok {
		return hash, nil
	}
	var there []string
	for ref := range refs.References {
		if short, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			there = append(there, short)
		}
	}
	if len(there) == 0 {
		return plumbing.ZeroHash, ErrEmpty
	}
	slices.Sort(there)
	return plumbing.ZeroHash, &NoBranchError{Branch: strings.TrimPrefix(name, "refs/heads/"), There: there[:min(len(there), 5)]}
}
