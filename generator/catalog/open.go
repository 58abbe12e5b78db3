package catalog

import (
	"os"
	"path/filepath"
)

// Open returns the source of a folder: the files as they are, or, with a revision (a branch, a tag, a commit, HEAD) or in a
// bare Git repository, a commit. A bare repository without a revision is read at HEAD.
func Open(dir, revision string) (Source, error) {
	switch {
	case revision != "":
		return opened(OpenGit(dir, revision))
	case isBare(dir):
		return opened(OpenGit(dir, "HEAD"))
	}
	return opened(OpenFolder(dir))
}

// opened keeps a nil pointer from becoming a source.
func opened[S Source](source S, err error) (Source, error) {
	if err != nil {
		return nil, err
	}
	return source, nil
}

// isBare tells a bare repository by what gitrepository-layout(5) demands of one.
func isBare(dir string) bool {
	for name, folder := range map[string]bool{"HEAD": false, "objects": true, "refs": true} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() != folder {
			return false
		}
	}
	return true
}
