package mirror

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/hash"
)

// FuzzPack stores whatever a server may send for a pack, with a checksum that fits: it is refused and leaves nothing, or it
// is one that can be verified.
func FuzzPack(f *testing.F) {
	remote := newUpstream(f, config)
	remote.git("gc", "--quiet")
	packs, err := filepath.Glob(filepath.Join(remote.dir, ".git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 1 {
		f.Fatal(packs, err)
	}
	pack, err := os.ReadFile(packs[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack[:len(pack)-hash.Size])
	f.Add(pack[:len(pack)/2])
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
	f.Add([]byte("PACK"))
	f.Add([]byte{})
	s := &store{dir: f.TempDir()}
	if err := s.reset(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		digest := hash.New(hash.CryptoType)
		digest.Write(content)
		err := s.addPack(bytes.NewReader(digest.Sum(content)), 1<<20)
		found, globErr := os.ReadDir(s.packs())
		if globErr != nil {
			t.Fatal(globErr)
		}
		if err != nil {
			if len(found) > 0 {
				t.Errorf("a pack that was refused left %v: %v", found, err)
			}
			return
		}
		if err := errors.Join(s.verify(), s.reset()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzState reads whatever lies in the folder for a state.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"url": "https://example.com", "revision": "0123456789012345678901234567890123456789"}`))
	f.Add([]byte(`{"url": 1}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if state, err := parseState(content); err == nil && (state.URL == "" || len(state.Revision) != 0 && len(state.Revision) != 40) {
			t.Errorf("%+v is taken for a state", state)
		}
	})
}
