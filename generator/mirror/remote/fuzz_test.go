package remote

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// said is a session that a server has said everything of already.
type said struct{ refs *packp.AdvRefs }

func (s said) References(context.Context) (*packp.AdvRefs, error) { return s.refs, nil }
func (s said) Pack(context.Context, plumbing.Hash, []plumbing.Hash) (io.ReadCloser, error) {
	return nil, io.EOF
}
func (s said) Close() error { return nil }

// FuzzServer reads whatever a server may say: references, then acknowledgements and a pack.
func FuzzServer(f *testing.F) {
	f.Add([]byte("001e# service=git-upload-pack\n0000004895dcfa3633004da0049d3d0fa03f80589cbcaf31 refs/heads/main\x00ofs-delta\n0000"), []byte("0008NAK\nPACK"))
	f.Add([]byte("00000"), []byte("0031ACK 95dcfa3633004da0049d3d0fa03f80589cbcaf31\n0006\x01P0000"))
	f.Fuzz(func(t *testing.T, references, pack []byte) {
		refs := packp.NewAdvRefs()
		if err := refs.Decode(&limited{bytes.NewReader(references), 1 << 16}); err != nil {
			return
		}
		for _, branch := range []string{"", "main"} {
			if hash, err := Head(t.Context(), said{refs}, branch); err == nil && hash.IsZero() {
				t.Errorf("%q is at no commit, and no error", branch)
			}
		}
		out, err := response(refs, &limited{bytes.NewReader(pack), 1 << 16})
		if err != nil {
			return
		}
		if n, _ := io.Copy(io.Discard, out); n > int64(len(pack)) {
			t.Errorf("%d bytes were made of %d", n, len(pack))
		}
	})
}

// FuzzParse reads whatever somebody may write for a URL.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"https://example.com/repo.git", "git@example.com:repo.git", "file:///tmp/x", "ext::sh -c id", "http://a:b@c", "ssh://-oProxyCommand=id/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, repoURL string) {
		at, err := Parse(repoURL, false)
		if err == nil && at.Protocol != "https" && at.Protocol != "ssh" && at.Protocol != "file" {
			t.Errorf("%q is taken for %s", repoURL, at.Protocol)
		}
	})
}
