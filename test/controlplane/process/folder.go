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

// left is the name of a file that tells since when nobody is known to work in a folder.
const left = "left"

// ForReading is how long the logs of a killed run are kept: somebody may want to know why it died.
const ForReading = time.Hour

// Folder is a folder of one run.
type Folder struct {
	Path string
	// lock is held as long as the process lives, however it ends.
	lock *os.File
}

// NewFolder makes a folder in another one, and removes those of the same prefix that killed runs have left, once they are known for
// so long.
func NewFolder(parent, prefix string, kept time.Duration) (*Folder, error) {
	if err := sweep(parent, prefix, kept); err != nil {
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

// sweep removes folders whose lock nobody holds, once they are known for so long.
func sweep(parent, prefix string, kept time.Duration) error {
	folders, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		lock, err := tryLock(filepath.Join(folder, inUse), 0)
		if err != nil {
			continue // it is used, or kept, or another user's
		}
		// What cannot be removed now, because something still dies in it, a later run removes.
		if leftSince(folder) >= kept {
			_ = os.RemoveAll(folder)
		}
		_ = lock.Close()
	}
	return nil
}

// leftSince is how long a folder is known to be left. It notes it at the first time.
func leftSince(folder string) time.Duration {
	note := filepath.Join(folder, left)
	if info, err := os.Stat(note); err == nil {
		return time.Since(info.ModTime())
	}
	_ = os.WriteFile(note, nil, 0o666) // or else it stays
	return 0
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
