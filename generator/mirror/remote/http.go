package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/tidegate/tidegate/generator/mirror/credentials"
)

const service = "git-upload-pack"

// overHTTP speaks the smart protocol.
type overHTTP struct {
	base   string
	auth   githttp.AuthMethod
	client *http.Client
	limit  int64
	refs   *packp.AdvRefs
}

// handshakeTime bounds what a server that says nothing can cost before the fetch's own limit.
const handshakeTime = 10 * time.Second

func openHTTP(at Endpoint, access *credentials.Access, limit int64) *overHTTP {
	// The standard transport is shut in our programs, so that no render reaches out.
	transport := &http.Transport{
		Proxy: access.Proxy, TLSClientConfig: access.TLS.Clone(), ForceAttemptHTTP2: true, TLSHandshakeTimeout: handshakeTime,
	}
	auth := access.HTTP
	if auth == nil && at.user != "" {
		auth = &githttp.BasicAuth{Username: at.user}
	}
	return &overHTTP{base: at.String(), auth: auth, limit: limit, client: &http.Client{Transport: transport, CheckRedirect: sameServer}}
}

// sameServer lets a server move a repository to another path, as GitLab does for a missing .git. What another server is
// sent would be the credentials of this one.
func sameServer(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return fmt.Errorf("the server redirects to %s://%s; if that is right, make it the repository's URL", next.URL.Scheme, next.URL.Host)
	}
	if len(before) > 3 {
		return errors.New("the server redirects more than three times")
	}
	return nil
}

func (s *overHTTP) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *overHTTP) References(ctx context.Context) (*packp.AdvRefs, error) {
	answer, err := s.do(ctx, http.MethodGet, s.base+"/info/refs?service="+service, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "application/x-"+service+"-advertisement" {
		return nil, fmt.Errorf("%s: the server answers with %.100q, which is not Git's smart protocol", s.base, got)
	}
	const suffix = "/info/refs"
	if path := answer.Request.URL.Path; len(path) > len(suffix) {
		moved := *answer.Request.URL
		moved.Path, moved.RawPath, moved.RawQuery = path[:len(path)-len(suffix)], "", ""
		s.base = moved.String()
	}
	refs := packp.NewAdvRefs()
	if err := refs.Decode(&limited{answer.Body, s.limit}); err != nil {
		return nil, err
	}
	s.refs = refs
	return refs, nil
}

func (s *overHTTP) Pack(ctx context.Context, want plumbing.Hash, have []plumbing.Hash) (io.ReadCloser, error) {
	body, err := request(s.refs, want, have)
	if err != nil {
		return nil, err
	}
	answer, err := s.do(ctx, http.MethodPost, s.base+"/"+service, body)
	if err != nil {
		return nil, err
	}
	pack, err := response(s.refs, &limited{answer.Body, s.limit})
	if err != nil {
		return nil, errors.Join(err, answer.Body.Close())
	}
	return reading{pack, answer.Body}, nil
}

// reading is a reader with the closer of another.
type reading struct {
	io.Reader
	io.Closer
}

func (s *overHTTP) do(ctx context.Context, method, to string, body []byte) (*http.Response, error) {
	ask, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	ask.Header.Set("User-Agent", "git/tidegate")
	if method == http.MethodPost {
		ask.Header.Set("Content-Type", "application/x-"+service+"-request")
		ask.Header.Set("Accept", "application/x-"+service+"-result")
	}
	if s.auth != nil {
		s.auth.SetAuth(ask)
	}
	answer, err := s.client.Do(ask)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	return nil, errors.Join(s.refused(answer), answer.Body.Close())
}

// refused says what to do about a status.
func (s *overHTTP) refused(answer *http.Response) error {
	const secret = "the repository or repo-creds Secret of Argo CD for this URL"
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized && s.auth == nil:
		return fmt.Errorf("%s: the server wants credentials (401), and there is no %s", s.base, secret[len("the "):])
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%s: the server refuses the credentials (%d); check %s", s.base, code, secret)
	case code == http.StatusNotFound:
		return fmt.Errorf("%s: the server knows no such repository (404), or does not show it with these credentials; check the URL and %s", s.base, secret)
	default:
		return fmt.Errorf("%s: the server answers with status %s", s.base, answer.Status)
	}
}
