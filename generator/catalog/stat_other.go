//go:build !linux

package catalog

import (
	"io/fs"
	"os"
)

// fileStat is what changes when a file does, or when a folder gains or loses one. The time is in nanoseconds.
type fileStat struct {
	mode     fs.FileMode
	size     int64
	modified int64
}

// last is when the file was last changed.
func (s fileStat) last() int64 { return s.modified }

func statFile(name string) (fileStat, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return fileStat{}, err
	}
	return fileStat{mode: info.Mode(), size: info.Size(), modified: info.ModTime().UnixNano()}, nil
}
