package mirror

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzPack stores whatever a server may send for a pack: it is refused, or every object of it can be listed.
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
	f.Add(pack)
	f.Add(pack[:len(pack)/2])
	f.Add([]byte("PACK"))
	f.Add([]byte{})
	s := &store{dir: f.TempDir()}
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := s.reset(); err != nil {
			t.Fatal(err)
		}
		err := s.addPack(bytes.NewReader(content), 1<<20)
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
		if err := s.verify(); err != nil {
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
