package process

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// inUse is the name of a file that is locked as long as somebody works in its folder. A folder that is kept on purpose has
// none.
const inUse = "in-use"

// ForReading is how long after its beginning the logs of a killed run are kept: somebody may want to know why it died.
const ForReading = time.Hour

// Folder is a folder of one run.
type Folder struct {
	Path string
	// lock is held as long as the process lives, however it ends.
	lock *os.File
}

// NewFolder makes a folder in another one, and removes those of the same prefix that killed runs have left, unless they began less
// than so long ago.
func NewFolder(parent, prefix string, left time.Duration) (*Folder, error) {
	if err := sweep(parent, prefix, left); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	// It gets its name with its lock: nobody sees it without.
	starting := filepath.Join(path, "starting")
	lock, err := tryLock(starting, os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(starting, filepath.Join(path, inUse)); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &Folder{Path: path, lock: lock}, nil
}

// Keep ends the use of the folder. It stays, also for the next run.
func (f *Folder) Keep() error {
	return errors.Join(os.Remove(filepath.Join(f.Path, inUse)), f.lock.Close())
}

// sweep removes old folders whose lock nobody holds.
func sweep(parent, prefix string, left time.Duration) error {
	folders, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		name := filepath.Join(folder, inUse)
		if info, err := os.Stat(name); err != nil || time.Since(info.ModTime()) < left {
			continue
		}
		lock, err := tryLock(name, 0)
		if err != nil {
			continue // it is used, or kept, or another user's
		}
		// What cannot be removed now, because something still dies in it, the next run removes.
		_ = os.RemoveAll(folder)
		_ = lock.Close()
	}
	return nil
}

// tryLock opens a file, and locks it unless another process has.
func tryLock(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|flags, 0o666)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: path, Err: err}, file.Close())
	}
	return file, nil
}
