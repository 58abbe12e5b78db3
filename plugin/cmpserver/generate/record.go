package generate

import (
	"io/fs"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/render"
)

// observation is what a render learned of one path: that there is a file, a folder, a link or nothing, and where it read
// on, the content or the target.
type observation struct {
	name string
	mode fs.FileMode
	read bool
	hash archive.Hash
}

// recorder is a tree that notes what it was asked. A render touches files only through its tree, so what it has noted is
// all that the result depends on, misses included.
type recorder struct {
	tree  render.Tree
	at    func(name string) (fs.FileMode, archive.Hash)
	reads []observation
	seen  map[string]int
}

// note notes what there is at a path. Of a path that was only looked at the content does not count: size and time, the
// rest of what Lstat tells, decide nothing but an error.
func (r *recorder) note(name string, read bool) {
	i, ok := r.seen[name]
	if ok && (r.reads[i].read || !read) {
		return
	}
	o := observation{name: name, read: read}
	if o.mode, o.hash = r.at(name); !read {
		o.hash = archive.Hash{}
	}
	if ok {
		r.reads[i] = o
		return
	}
	r.seen[name] = len(r.reads)
	r.reads = append(r.reads, o)
}

func (r *recorder) Lstat(name string) (fs.FileInfo, error) {
	r.note(name, false)
	return r.tree.Lstat(name)
}

func (r *recorder) ReadLink(name string) (string, error) {
	r.note(name, true)
	return r.tree.ReadLink(name)
}

func (r *recorder) ReadFile(name string) ([]byte, error) {
	r.note(name, true)
	return r.tree.ReadFile(name)
}

// holds says whether a render that made these observations would make them in another tree.
func holds(reads []observation, tree *archive.Tree) bool {
	for _, o := range reads {
		mode, hash := tree.At(o.name)
		if mode != o.mode || o.read && hash != o.hash {
			return false
		}
	}
	return true
}
