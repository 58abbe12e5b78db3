package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	argogit "github.com/argoproj/argo-cd/v2/util/git"
	"github.com/go-git/go-git/v5"
)

// What the folder holds.
const (
	lockFile  = "lock"
	stateFile = "state.json"
	bare      = "repository.git"
	scratch   = "scratch"
	// anew holds a second copy, replaced the first one, while one takes the place of the other.
	anew     = "anew"
	replaced = "replaced.git"
)

// maxState is how many bytes of a state are read.
const maxState = 1 << 20

// saved is what must be known after a restart.
type saved struct {
	URL       string    `json:"url"`
	Branch    string    `json:"branch"`
	Revision  string    `json:"revision,omitempty"`
	Committed time.Time `json:"committed,omitzero"`
	Contact   time.Time `json:"contact,omitzero"`
	// Accepted are the confirmations that have been made use of.
	Accepted []string `json:"accepted,omitempty"`
}

// store is the folder of a mirror. As long as it is open, no other process opens it.
type store struct {
	dir  string
	lock io.Closer
}

func openStore(dir string) (*store, error) {
	if dir == "" {
		return nil, errors.New("the mirror needs a folder")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the mirror's folder: %w", err)
	}
	lock, err := lockOf(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("%s: the mirror is in use by another process, or cannot be locked; give each its own folder: %w", dir, err)
	}
	s := &store{dir, lock}
	if err := errors.Join(s.tidy(), os.RemoveAll(Scratch(dir)), os.Mkdir(Scratch(dir), 0o700)); err != nil {
		return nil, errors.Join(fmt.Errorf("the mirror's folder: %w", err), lock.Close())
	}
	return s, nil
}

// Close gives the folder free.
func (s *store) Close() error { return s.lock.Close() }

func (s *store) repository() string { return filepath.Join(s.dir, bare) }
func (s *store) packs() string      { return filepath.Join(s.repository(), "objects", "pack") }

// reset makes an empty repository. It reads no configuration but its own, and has no hooks.
func (s *store) reset() error {
	if err := os.RemoveAll(s.repository()); err != nil {
		return fmt.Errorf("removing a mirror: %w", err)
	}
	if _, err := git.PlainInit(s.repository(), true); err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	return os.MkdirAll(s.packs(), 0o700)
}

// second is a store for another copy, which lies beside the first one.
func (s *store) second() *store { return &store{dir: filepath.Join(s.dir, anew)} }

// become puts the copy of another store in the place of this one's.
func (s *store) become(next *store) error {
	old := filepath.Join(s.dir, replaced)
	if err := os.Rename(s.repository(), old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing a mirror: %w", err)
	}
	if err := os.Rename(next.repository(), s.repository()); err != nil {
		return errors.Join(fmt.Errorf("replacing a mirror: %w", err), s.tidy())
	}
	return os.RemoveAll(old)
}

// tidy ends what become has left half done: the first copy is there again, unless the second one has taken its place.
func (s *store) tidy() error {
	old := filepath.Join(s.dir, replaced)
	if _, err := os.Lstat(s.repository()); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(old, s.repository()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(os.RemoveAll(old), os.RemoveAll(s.second().dir))
}

// load reads the state; fs.ErrNotExist is a new folder.
func (s *store) load() (*saved, error) {
	file, err := os.Open(filepath.Join(s.dir, stateFile))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxState))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	state, err := parseState(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return state, nil
}

func parseState(content []byte) (*saved, error) {
	var state saved
	if err := json.Unmarshal(content, &state); err != nil {
		return nil, err
	}
	for _, revision := range append([]string{state.Revision}, state.Accepted...) {
		if revision != "" && !argogit.IsCommitSHA(revision) {
			return nil, fmt.Errorf("%.60q is no commit", revision)
		}
	}
	if state.URL == "" {
		return nil, errors.New("the repository's URL is missing")
	}
	return &state, nil
}

// save replaces the state at once, so that one which is cut short is never read.
func (s *store) save(state saved) error {
	content, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	next := filepath.Join(s.dir, stateFile+".next")
	err = writeSynced(next, content)
	if err == nil {
		err = os.Rename(next, filepath.Join(s.dir, stateFile))
	}
	if err != nil {
		return fmt.Errorf("saving the mirror's state: %w", err)
	}
	return nil
}

func writeSynced(name string, content []byte) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// size is how many bytes the folder holds.
func (s *store) size() (int64, error) {
	var total int64
	err := filepath.WalkDir(s.dir, func(_ string, at fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := at.Info()
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	return total, err
}
