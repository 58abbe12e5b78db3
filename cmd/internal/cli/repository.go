package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/render"
)

// repository is the tree around a folder.
type repository struct {
	tree  render.Tree
	dir   string            // the folder in the tree
	bare  *strings.Replacer // where the tree is the whole file system: what makes paths ones that people can follow
	close func() error
}

// show makes the paths in a text relative to the working directory, or absolute, where nothing marks a repository.
func (r *repository) show(text string) string {
	if r.bare == nil {
		return text
	}
	return r.bare.Replace(text)
}

// open finds the repository that a folder belongs to: the root that is given; under Argo CD, what cmp-server unpacked;
// otherwise the nearest folder above with .git or tidegate.yaml; otherwise the root of the file system.
func open(dir, root string) (*repository, error) {
	absolute, err := resolved(dir)
	if err != nil {
		return nil, err
	}
	place := "."
	if root != "" {
		if root, err = resolved(root); err != nil {
			return nil, err
		}
	} else if unpacked := unpackedBy(absolute); unpacked != "" {
		root = unpacked
		place = placeOf(root, absolute, os.Getenv("ARGOCD_APP_SOURCE_PATH"))
	} else {
		root = rootAbove(absolute)
	}
	relative, err := filepath.Rel(root, absolute)
	if err != nil || relative == ".." || strings.HasPrefix(relative, "../") {
		return nil, Usage(fmt.Errorf("%s is not below the root %s", dir, root))
	}
	disk, err := render.OpenDisk(root)
	if err != nil {
		return nil, err
	}
	found := &repository{
		tree:  render.Mount(disk, place),
		dir:   filepath.ToSlash(filepath.Join(place, relative)),
		close: disk.Close,
	}
	if root == "/" {
		found.bare = strings.NewReplacer(found.dir, absolute)
		if here, err := os.Getwd(); err == nil && strings.HasPrefix(absolute, here+"/") {
			found.bare = strings.NewReplacer(here[1:]+"/", "")
		}
	}
	return found, nil
}

func resolved(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return "", Usage(fmt.Errorf("%s: no such folder", dir))
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return "", Usage(fmt.Errorf("%s is a file; name the folder of the kustomization", dir))
	}
	return real, nil
}

// unpackedBy returns the folder that argocd-cmp-server unpacked a request into, if dir lies in one: every request has
// its own, below _cmp_server in the work folder (argo-cd common.GetCMPWorkDir). It is never .git that tells: it may be
// left out, and the repository of one team must not end in the folder of another.
func unpackedBy(dir string) string {
	work := os.Getenv("ARGOCD_CMP_WORKDIR")
	if work == "" {
		work = os.TempDir()
	}
	work, err := filepath.EvalSymlinks(filepath.Join(work, "_cmp_server"))
	if err != nil {
		return ""
	}
	inside, found := strings.CutPrefix(dir, work+string(filepath.Separator))
	if !found {
		return ""
	}
	request, _, _ := strings.Cut(inside, string(filepath.Separator))
	return filepath.Join(work, request)
}

// placeOf tells where an unpacked tree lies in its repository.
func placeOf(root, dir, sourcePath string) string {
	relative, err := filepath.Rel(root, dir)
	if err != nil {
		return "."
	}
	return plugin.Place(filepath.ToSlash(relative), sourcePath)
}

func rootAbove(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range []string{".git", "tidegate.yaml"} {
			if _, err := os.Lstat(filepath.Join(at, mark)); err == nil {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return at
		}
	}
}
