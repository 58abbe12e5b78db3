package generate

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/substitute"
)

// noted is a renderer that notes which of the substitutions its result has a place for. The values of all others make no
// difference: one set of values is often given to every Application of a cluster, whatever it holds.
type noted struct {
	render.Renderer
	settings  plugin.Settings
	variables []string
	// done gives back the memory of what was rendered.
	done func()
}

func (n *noted) Render(ctx context.Context, request render.Request) (*render.Result, error) {
	result, err := n.Renderer.Render(ctx, request)
	if err == nil {
		n.done = result.Done
	}
	if err == nil && len(n.settings.Substitutions) > 0 {
		n.variables = variablesIn(result, n.settings.Substitutions)
	}
	return result, err
}

// variablesIn are the names of the variables in the result, sorted. If there are more places than Find lists, all names count.
func variablesIn(result *render.Result, values map[string]string) []string {
	places := substitute.Find(result.Objects)
	if len(places) >= substitute.MaxListed {
		return slices.Sorted(maps.Keys(values))
	}
	var names []string
	for _, place := range places {
		names = append(names, place.Variable)
	}
	names = union(names, nil)
	for i, name := range names {
		names[i] = strings.Clone(name) // it is a part of the text that it was found in, which it would keep
	}
	return names
}

// union is the names of both, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
