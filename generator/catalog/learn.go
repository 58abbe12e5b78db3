package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tidegate/tidegate/plugin/render"
)

// retryBroken is when a folder that could not be rendered is tried again although nothing changed: the cause may have
// been this machine.
const retryBroken = time.Minute

// renderTime is how long one folder may take. An answer waits for every folder, and Argo CD waits 30 s for an answer: a
// folder that is given up leaves time for the others.
const renderTime = 10 * time.Second

// learned is what a render told, and what it read to know it.
type learned struct {
	facts Facts
	// reads are the fingerprints of all that the render asked for, what was not there included.
	reads map[string]string
	// files are those whose content it read, sorted.
	files []string
	at    time.Time
	// err says why there are no facts; noNamespace that it is for want of a namespace.
	err         string
	noNamespace bool
}

// current tells whether a render of the tree would come to the same.
func (l *learned) current(tree Tree, now time.Time) bool {
	if l == nil || l.err != "" && now.Sub(l.at) >= retryBroken {
		return false
	}
	for name, fingerprint := range l.reads {
		if tree.Fingerprint(name) != fingerprint {
			return false
		}
	}
	return true
}

// learn renders a folder. Its error is the context's; what is wrong with the folder is in what it returns.
func (c *Catalog) learn(ctx context.Context, tree Tree, folder folder) (*learned, error) {
	dir := folder.dir
	recorder := &recorder{Tree: tree, reads: map[string]string{}, files: map[string]bool{}}
	limited, cancel := context.WithTimeout(ctx, c.renderTime)
	defer cancel()
	result, err := c.renderer.Render(limited, render.Request{Tree: recorder, Dir: dir})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out := &learned{reads: recorder.reads, files: slices.Sorted(maps.Keys(recorder.files)), at: c.now()}
	if err != nil {
		out.err = err.Error()
		if limited.Err() != nil {
			out.err = fmt.Sprintf("%s: rendering was stopped, it took more than %v", dir, c.renderTime)
		}
		return out, nil
	}
	out.facts = factsOf(result)
	switch problems := validation.IsDNS1123Label(result.Namespace); {
	case result.Namespace == "" && folder.cluster:
	case result.Namespace == "":
		out.noNamespace = true
		out.err = dir + ": the kustomization says no namespace; an Application goes to the one that its overlay names, such as namespace: my-service"
	case len(problems) > 0:
		out.err = fmt.Sprintf("%s: %q cannot be a namespace: %s", dir, result.Namespace, problems[0])
	}
	return out, nil
}

// recorder is a tree that notes what is asked of it. One render asks one thing at a time.
type recorder struct {
	Tree
	reads map[string]string
	files map[string]bool
}

func (r *recorder) note(name string) { r.reads[name] = r.Fingerprint(name) }

func (r *recorder) Lstat(name string) (fs.FileInfo, error) {
	r.note(name)
	return r.Tree.Lstat(name)
}

func (r *recorder) ReadLink(name string) (string, error) {
	r.note(name)
	return r.Tree.ReadLink(name)
}

func (r *recorder) ReadFile(name string) ([]byte, error) {
	r.note(name)
	content, err := r.Tree.ReadFile(name)
	if err == nil {
		r.files[name] = true
	}
	return content, err
}
