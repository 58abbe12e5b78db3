package generate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

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

// bringsSchema finds what kustomize takes for the field openapi of a kustomization, in whatever case. It may find it
// elsewhere too, but not in files that say which version of OpenAPI they are written in. It goes from colon to colon, since a
// search of every large file by pattern would take longer than all else that is ours.
func bringsSchema(content []byte) bool {
	for rest := content; ; {
		colon := bytes.IndexByte(rest, ':')
		if colon < 0 {
			return false
		}
		before, after := rest[:colon], rest[colon+1:]
		if endsInOpenAPI(bytes.TrimRight(before, " \t\r\n\"'")) && !isVersion(before, after) {
			return true
		}
		rest = after
	}
}

func endsInOpenAPI(key []byte) bool {
	n := len(key) - len("openapi")
	return n >= 0 && bytes.EqualFold(key[n:], []byte("openapi")) && (n == 0 || !isLetter(key[n-1]))
}

// isVersion says whether a key has a scalar that begins with a digit, where kustomize wants a map. Key, colon and scalar are
// on one line: below a key after a question mark, or below its colon, a map may begin with a digit.
func isVersion(before, after []byte) bool {
	value := bytes.TrimLeft(after, " \t")
	if len(value) > 0 && (value[0] == '"' || value[0] == '\'') {
		value = value[1:]
	}
	return endsInOpenAPI(bytes.TrimRight(before, " \t\"'")) && len(value) > 0 && '0' <= value[0] && value[0] <= '9'
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// guarded is a tree that ends a render whose client is gone, or that reads too much.
type guarded struct {
	ctx       context.Context
	tree      render.Tree
	limits    Limits
	documents int
	err       error // the first; kustomize tries something else after an error
}

// lift takes the limits away: what is still read belongs to a render that is over.
func (g *guarded) lift() { g.limits = Limits{} }

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
	case g.limits.Schema && bringsSchema(content):
		g.err = fmt.Errorf("%w: %s brings a schema of its own", ErrTooMuch, name)
	}
	return content, g.err
}
