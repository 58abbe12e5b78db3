package generate

import (
	"context"
	"errors"
	"io/fs"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/render"
)

// Named forgets an Application's name unless a file is committed for it, so that the Applications of one overlay on many
// clusters are one request. Argo CD's .argocd-source-<application>.yaml is all that depends on the name.
type Named struct{ Next Generator }

// Generate looks for the file as plugin.Run does, which refuses what it must not hold.
func (n Named) Generate(ctx context.Context, request Request) (Result, error) {
	if request.App != "" {
		tree := render.Mount(request.Tree, request.Place)
		_, err := render.ReadFile(tree, plugin.SourceFile(request.Dir, request.App))
		if errors.Is(err, fs.ErrNotExist) {
			request.App = ""
		}
	}
	return n.Next.Generate(ctx, request)
}
