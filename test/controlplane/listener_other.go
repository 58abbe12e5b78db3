//go:build !linux

package controlplane

import "errors"

// listener is known on Linux only.
func listener(string) (string, error) { return "", errors.ErrUnsupported }
