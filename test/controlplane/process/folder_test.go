package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestARunRemovesWhatWasLeftBehindAndNothingElse(t *testing.T) {
	parent := t.TempDir()
	folder := func() *Folder {
		t.Helper()
		made, err := NewFolder(parent, "run-", ForReading)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	used, kept, killed, justKilled := folder(), folder(), folder(), folder()
	if err := kept.Keep(); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "run-of-something-else")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, ended := range []*Folder{killed, justKilled} {
		// What the kernel does when a process ends.
		if err := ended.lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	folder()
	begun := time.Now().Add(-2 * ForReading)
	if err := os.Chtimes(filepath.Join(killed.Path, left), begun, begun); err != nil {
		t.Fatal(err)
	}
	folder()
	for what, path := range map[string]string{
		"one that is used": used.Path, "one that was kept": kept.Path, "a foreign one": foreign,
		"one whose run was killed just now": justKilled.Path,
	} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone: %v", what, err)
		}
	}
	if _, err := os.Stat(killed.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed run left is still there: %v", err)
	}
}

func TestNoTwoRunsHaveTheSamePorts(t *testing.T) {
	taken := map[int]bool{}
	for _, dir := range []string{t.TempDir(), t.TempDir()} {
		t.Setenv("TMPDIR", dir) // runs need not share a folder
		ports, err := NewPorts()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ports.Close() }() // the test ends
		for range 3 {
			port, err := ports.Take()
			if err != nil {
				t.Fatal(err)
			}
			if taken[port] {
				t.Errorf("port %d is taken twice", port)
			}
			taken[port] = true
		}
	}
}
