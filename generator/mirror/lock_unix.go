//go:build unix

package mirror

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockOf takes a lock that ends with the process, however it ends.
func lockOf(name string) (io.Closer, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
