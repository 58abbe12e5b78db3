package plugin

import (
	"path"
	"strings"
)

// Place tells where a tree lies in its repository, when dir is the Application's folder in that tree and sourcePath is
// the Application's path in the repository. Argo CD may send only a part of a repository; the Application's path is
// always whole, and ends in the folder's path in the tree.
func Place(dir, sourcePath string) string {
	if sourcePath == "" {
		return "."
	}
	source := path.Clean("/" + sourcePath)
	place, found := strings.CutSuffix(source, path.Clean("/"+dir))
	if path.Clean(dir) == "." {
		place, found = source, true
	}
	if place = strings.Trim(place, "/"); !found || place == "" {
		return "."
	}
	return place
}
