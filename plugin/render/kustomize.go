package render

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render/schema"
)

// InProcess renders in this process.
type InProcess struct {
	// Memory is what it shares with the other renders of this process. Nil: there is no limit to it.
	Memory     *Memory
	loadSchema func()
	isolated   bool
}

// NewInProcess makes the renderer of this process, which never uses kustomize's own schema again.
func NewInProcess() InProcess {
	p := newLazy()
	p.loadSchema()
	return p
}

// newLazy leaves the schema to the first render that needs it.
func newLazy() InProcess {
	schema.Suppress()
	return InProcess{loadSchema: schema.Load}
}

// Lockdown closes what kustomize could reach beside the file system it is given: HTTP through Go's default transport,
// the end of the process, and its stderr, to which kustomize writes warnings that Result.Warnings repeats. A program calls
// it first, and writes to the file it returns instead of os.Stderr.
func Lockdown() (stderr *os.File) {
	http.DefaultTransport = offline{}
	log.SetFlags(0)
	log.SetOutput(unfatal{})
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = null
	}
	return realStderr
}

// realStderr is kept because a file that nobody holds is closed: the runtime writes its last words there.
var realStderr = os.Stderr

// offline is an HTTP transport that reaches nothing.
type offline struct{}

func (offline) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s is remote, and Tidegate fetches nothing", r.URL.Redacted())
}

// Render renders, or says with an unboundedError that this process must not.
func (p InProcess) Render(ctx context.Context, request Request) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if request.Dir = path.Clean(request.Dir); path.IsAbs(request.Dir) {
		return nil, &outsideError{path: request.Dir}
	}
	files := newFileSystem(ctx, request, p)
	done := false
	defer func() {
		if !done {
			files.budget.claim.end()
		}
	}()
	objects, err := build(files, request.Dir)
	if (err != nil || files.err != nil) && len(files.standIns.schemas) > 0 && ctx.Err() == nil && !IsUnbounded(files.err) {
		// Again, with all files as they are: so is what is said about them.
		files.budget.claim.end()
		files = newFileSystem(ctx, request, p)
		files.standIns.off = true
		objects, err = build(files, request.Dir)
	}
	if files.err != nil {
		return nil, files.err
	}
	if err != nil {
		return nil, files.explain(err)
	}
	if !p.isolated {
		if err := schema.Assert(); err != nil {
			return nil, err
		}
	}
	done = true
	return &Result{
		Objects: objects, Namespace: files.scanned[0].Namespace, Warnings: append(files.warnings(), request.Overrides.idle(objects)...), Files: files.reads,
		leave: files.budget.claim.end, grow: files.budget.claim.add,
	}, nil
}

// build runs kustomize with the options that `kustomize build` has without flags.
func build(files *fileSystem, dir string) (objects []manifest.Object, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize cannot build this: %v", p)
		}
	}()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(files, path.Join(root, dir))
	if err != nil {
		return nil, err
	}
	if objects, err = convert(resources); err != nil {
		return nil, err
	}
	if !files.standIns.restore(objects) {
		return nil, errSeesSchemas
	}
	files.finish(objects)
	return objects, nil
}

func convert(resources resmap.ResMap) ([]manifest.Object, error) {
	objects := make([]manifest.Object, 0, resources.Size())
	for _, resource := range resources.Resources() {
		object, err := manifest.FromNode(resource.YNode())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", resource.CurId(), err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// finish puts right what kustomize could not know: its own version, and what the mirrors of components stand for.
func (f *fileSystem) finish(objects []manifest.Object) {
	if len(f.scanned) == 0 {
		return
	}
	metadata := f.scanned[0].BuildMetadata
	if slices.Contains(metadata, types.ManagedByLabelOption) {
		for _, object := range objects {
			if labels := object.Map("metadata", "labels"); labels != nil {
				labels[konfig.ManagedbyLabelKey] = "kustomize-" + KustomizeVersion
			}
		}
	}
	if len(metadata) > 0 && len(f.components.list) > 0 {
		f.rewriteOrigins(objects)
	}
}

// warnings repeats what kustomize says of deprecated fields, with the file.
func (f *fileSystem) warnings() []string {
	var warnings []string
	for _, k := range f.scanned {
		for _, message := range *k.CheckDeprecatedFields() {
			message = strings.TrimPrefix(message, "# Warning: ")
			warnings = append(warnings, k.file+": "+message)
		}
	}
	return warnings
}
