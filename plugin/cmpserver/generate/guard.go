package generate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/tidegate/tidegate/plugin/render"
)

// ErrTooMuch says that a render reads more than the process should be asked to render by itself.
var ErrTooMuch = errors.New("too much to render in this process")

// Limits are what a render may read in this process, which cannot stop it.
type Limits struct {
	// Documents is how many YAML documents. kustomize compares each object with each other.
	Documents int
	// Schema says that no kustomization may bring a schema of its own: it would become that of the whole process.
	Schema bool
}

// ownSchema finds what kustomize takes for the field openapi of a kustomization. It may find it elsewhere too.
var ownSchema = regexp.MustCompile(`(?im)(^|[\s{,?"'])openapi["']?\s*:`)

// guarded is a tree that ends a render whose client is gone, or that reads too much.
type guarded struct {
	ctx       context.Context
	tree      render.Tree
	limits    Limits
	documents int
	err       error // the first; kustomize tries something else after an error
}

func (g *guarded) check() error {
	if g.err == nil {
		g.err = g.ctx.Err()
	}
	return g.err
}

func (g *guarded) Lstat(name string) (fs.FileInfo, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	return g.tree.Lstat(name)
}

func (g *guarded) ReadLink(name string) (string, error) {
	if err := g.check(); err != nil {
		return "", err
	}
	return g.tree.ReadLink(name)
}

func (g *guarded) ReadFile(name string) ([]byte, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	content, err := g.tree.ReadFile(name)
	if err != nil {
		return nil, err
	}
	g.documents += 1 + bytes.Count(content, []byte("\n---"))
	switch {
	case g.limits.Documents > 0 && g.documents > g.limits.Documents:
		g.err = fmt.Errorf("%w: more than %d documents", ErrTooMuch, g.limits.Documents)
	case g.limits.Schema && bytes.Contains(bytes.ToLower(content), []byte("openapi")) && ownSchema.Match(content):
		g.err = fmt.Errorf("%w: %s brings a schema of its own", ErrTooMuch, name)
	}
	return content, g.err
}
