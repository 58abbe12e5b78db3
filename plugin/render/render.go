// Package render turns a kustomization of a repository into objects, as `kustomize build` would.
//
// It reads nothing but the tree it is given, fetches nothing, executes nothing that a kustomization asks for, and either
// returns every object or an error. It does not order, check or change objects: what comes out is kustomize's.
package render

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// KustomizeVersion is the version of kustomize whose output is reproduced.
const KustomizeVersion = "v5.8.1"

// Renderer renders kustomizations. Implementations wrap one another: New shows how.
type Renderer interface {
	Render(ctx context.Context, request Request) (*Result, error)
}

// Request says what to render.
type Request struct {
	Tree Tree
	// Dir is the folder of the kustomization, relative to the tree's root, slash-separated; "." is the root.
	Dir       string
	Overrides Overrides
	Limits    Limits
}

// Result is what a kustomization renders to.
type Result struct {
	// Objects are in kustomize's order.
	Objects []manifest.Object
	// Namespace is what the kustomization says in `namespace:`, which may be nothing.
	Namespace string
	// Warnings are kustomize's, one line each, naming the file.
	Warnings []string
	// Files are those that kustomize read, relative to the tree's root, in the order of their first reading.
	Files []string
	// leave gives back what the objects take of a Memory, and grow takes more.
	leave func()
	grow  func(bytes int64) bool
}

// Grow says that the objects are to take so many bytes more. Its error is that of a render that this process must not make:
// there is no room.
func (r *Result) Grow(bytes int64) error {
	if r.grow == nil || r.grow(bytes) {
		return nil
	}
	return unbounded("the values that are put in take %d MiB, and this process has no more memory left for them", bytes>>20)
}

// Done says that nobody needs the objects any more. Only where there is a Memory it makes a difference.
func (r *Result) Done() {
	if r.leave != nil {
		r.leave()
	}
}

// New returns the renderer of a program that renders again and again, also concurrently: in this process where the render
// is known to stay within bounds and to leave nothing behind, otherwise in a child process of the same executable, which
// must call ServeChild when IsChild.
func New() Renderer { return escalating{first: NewInProcess(), then: Child{}} }

// Once returns the same for a program that renders one thing and ends: it loads the schema of Kubernetes only when it
// needs it, which two renders at a time must not do.
func Once() Renderer { return escalating{first: newLazy(), then: Child{}} }

// escalating hands a render to the second renderer when the first finds that it may be too much.
type escalating struct{ first, then Renderer }

func (e escalating) Render(ctx context.Context, request Request) (*Result, error) {
	result, err := e.first.Render(ctx, request)
	if !IsUnbounded(err) {
		return result, err
	}
	result, inChild := e.then.Render(ctx, request)
	return result, Because(inChild, err)
}

// IsUnbounded says that an error is not the kustomization's fault: InProcess must not render it, and a Child can.
func IsUnbounded(err error) bool {
	var unbounded *unboundedError
	return errors.As(err, &unbounded)
}

// IsStopped says that the process of a Child ended without an answer: it took too much memory or time, or was killed.
func IsStopped(err error) bool {
	var stopped *stoppedError
	return errors.As(err, &stopped)
}

// IsNoRoom says that what a Child rendered is more than the Memory ever has room for.
func IsNoRoom(err error) bool {
	var noRoom *noRoomError
	return errors.As(err, &noRoom)
}

// Because adds to the error of a Child that was stopped why the render was not known to stay within bounds.
func Because(err, unbounded error) error {
	var stopped *stoppedError
	var why *unboundedError
	if errors.As(err, &stopped) && errors.As(unbounded, &why) {
		stopped.reason = why.reason
	}
	return err
}
