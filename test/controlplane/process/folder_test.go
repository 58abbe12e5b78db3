package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestARunRemovesWhatWasLeftBehindAndNothingElse(t *testing.T) {
	parent := t.TempDir()
	folder := func() *Folder {
		t.Helper()
		made, err := NewFolder(parent, "run-")
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	used, kept, killed := folder(), folder(), folder()
	if err := kept.Keep(); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(parent, "run-of-something-else")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	// What the kernel does when a process ends.
	if err := killed.lock.Close(); err != nil {
		t.Fatal(err)
	}
	folder()
	for what, path := range map[string]string{"one that is used": used.Path, "one that was kept": kept.Path, "a foreign one": foreign} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone: %v", what, err)
		}
	}
	if _, err := os.Stat(killed.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed run left is still there: %v", err)
	}
}

func TestABlockOfPortsThatCannotBeHadIsPassedOver(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	// Nobody may open it for writing, as nobody may another user's.
	if err := os.Mkdir(filepath.Join(folder, "tidegate-ports-0.lock"), 0o755); err != nil {
		t.Fatal(err)
	}
	var starts []int
	for range 2 {
		ports, err := NewPorts()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ports.Close() }() // the test ends
		starts = append(starts, ports.next)
	}
	if starts[0] != firstPort+blockSize || starts[1] != firstPort+2*blockSize {
		t.Errorf("the blocks begin at %d", starts)
	}
}
