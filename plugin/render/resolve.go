package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links one path may pass through, as in Linux (path_resolution(7)).
const maxLinks = 40

// maxPath is how long a path may be, as in Linux. Each folder of a path is resolved before what is in it.
const maxPath = 4096

// outsideError says that a path or a link leads out of the tree.
type outsideError struct {
	path, target string
	link         bool
}

func (e *outsideError) Error() string {
	if e.link {
		return fmt.Sprintf("%s is a symbolic link to %s, outside the repository", e.path, e.target)
	}
	return fmt.Sprintf("%s is outside the repository", e.path)
}

// linkError says that links lead in circles.
type linkError struct{ path string }

func (e *linkError) Error() string {
	return fmt.Sprintf("%s: too many symbolic links; do they form a loop?", e.path)
}

// resolver follows symbolic links inside a tree, and remembers what each folder resolved to.
type resolver struct {
	tree Tree
	dirs map[string]string
}

// resolve returns the path free of links and whether it is a folder. The empty path and "." are the root.
func (r *resolver) resolve(name string) (resolved string, dir bool, err error) {
	name = path.Clean(name)
	if known, ok := r.dirs[name]; ok {
		return known, true, nil
	}
	if name == ".." || strings.HasPrefix(name, "../") || path.IsAbs(name) {
		return "", false, &outsideError{path: name}
	}
	if len(name) > maxPath {
		return "", false, &fs.PathError{Op: "lstat", Path: name[:64] + "…", Err: syscall.ENAMETOOLONG}
	}
	at, base := ".", name
	if parent := path.Dir(name); parent != "." {
		base = path.Base(name)
		at, dir, err = r.resolve(parent)
		if err == nil && !dir {
			err = &fs.PathError{Op: "lstat", Path: name, Err: errNotDir}
		}
		if err != nil {
			return "", false, err
		}
	}
	resolved, dir, err = r.walk(at, base, name)
	if err == nil && dir {
		r.dirs[name] = resolved
	}
	return resolved, dir, err
}

// Resolve follows the links on the way to a folder. Where they lead out of the tree, in circles or to nothing it returns the
// name as it is: who reads from there finds out.
func Resolve(tree Tree, name string) string {
	r := resolver{tree: tree, dirs: map[string]string{".": "."}}
	resolved, _, err := r.resolve(name)
	if err != nil {
		return name
	}
	return resolved
}

// walk goes down from a folder step by step; a link's target is put in front of what is left of the path.
func (r *resolver) walk(at, rest, name string) (string, bool, error) {
	dir := true
	outside := &outsideError{path: name}
	for links := 0; rest != ""; {
		var step string
		step, rest, _ = strings.Cut(rest, "/")
		next := path.Join(at, step)
		switch {
		case step == "" || step == ".":
			continue
		case next == "..":
			return "", false, outside
		case step == "..":
			at, dir = next, true
			continue
		}
		info, err := r.tree.Lstat(next)
		if err != nil {
			return "", false, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := r.tree.ReadLink(next)
			if err != nil {
				return "", false, err
			}
			outside = &outsideError{path: next, target: target, link: true}
			if path.IsAbs(target) {
				return "", false, outside
			}
			if links++; links > maxLinks {
				return "", false, &linkError{path: name}
			}
			rest = target + "/" + rest
			continue
		}
		at, dir = next, info.IsDir()
		if !dir && strings.Trim(rest, "/.") != "" {
			return "", false, &fs.PathError{Op: "lstat", Path: name, Err: errNotDir}
		}
	}
	return at, dir, nil
}

var errNotDir = errors.New("not a directory")

// maxSmallFile bounds what ReadFile reads.
const maxSmallFile = 1 << 20

// ReadFile reads a small file of a tree, following links inside it. A folder or nothing there is fs.ErrNotExist.
func ReadFile(tree Tree, name string) ([]byte, error) {
	r := resolver{tree: tree, dirs: map[string]string{".": "."}}
	resolved, isDir, err := r.resolve(name)
	switch {
	case err != nil && missing(err), isDir:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case err != nil:
		return nil, err
	}
	info, err := tree.Lstat(resolved)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSmallFile {
		return nil, fmt.Errorf("%s is no regular file of at most %d bytes", name, maxSmallFile)
	}
	return tree.ReadFile(resolved)
}
