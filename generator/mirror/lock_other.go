//go:build !unix

package mirror

import (
	"errors"
	"io"
)

// lockOf refuses: what cannot be locked may be shared.
func lockOf(string) (io.Closer, error) {
	return nil, errors.New("this system has no flock(2)")
}
