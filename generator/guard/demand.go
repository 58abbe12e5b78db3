package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

// demand is what repository and fleet demand.
type demand struct {
	// id tells it from others that were computed.
	id       uint64
	sets     []params.Set
	findings []params.Finding
	// unknown is why there are no sets.
	unknown  string
	ground   admission.Ground
	rendered int
	// platform is what tidegate.yaml says; nil where it is not known.
	platform *platform.Platform
}

// demands remember what was computed from a view and clusters, by input, until either is another.
type demands struct {
	mu       sync.Mutex
	view     *catalog.View
	clusters []fleet.Cluster
	ground   admission.Ground
	byInput  map[string]*demand
	// held is how many parameter sets byInput has.
	held int
	made uint64
}

// demand works out what is demanded. What is not known is in what it returns; its error is an *params.InputError, the
// context's, or a *params.Refusal where nothing is live that could be held.
func (g *Guard) demand(ctx context.Context, input params.Input, live bool) (*demand, error) {
	if why := g.doubt(); why != "" {
		return &demand{unknown: why}, nil
	}
	view, err := g.Repository.Read(ctx)
	if err != nil {
		return unknown(ctx, err)
	}
	clusters, err := g.Fleet.Clusters(ctx)
	if err != nil {
		return unknown(ctx, err)
	}
	// Reading takes time, and what was read may be what the doubt is about.
	if why := g.doubt(); why != "" {
		return &demand{unknown: why}, nil
	}
	out, err := g.demands.of(view, clusters, input, live)
	if err != nil {
		return nil, err
	}
	// Of what was read: it may be older than what the repository shows by now, where others had begun to read it before.
	out.ground.Confirmed = g.Confirmed(view.Revision)
	out.findings = slices.Concat(out.findings, g.undeclared(view))
	return out, nil
}

// undeclared are the environments that are protected by name and that tidegate.yaml does not have: the name is misspelt, or
// the environment was renamed.
func (g *Guard) undeclared(view *catalog.View) []params.Finding {
	var out []params.Finding
	for _, name := range g.Policy.Protected {
		if name != admission.Nothing && view.Platform.Environment(name) == nil {
			out = append(out, params.Finding{Kind: params.UndeclaredProtection, Path: platform.File, Message: fmt.Sprintf(
				"%s: there is no environment %s, which --protected-environment names: until there is, every removal is held", platform.File, name)})
		}
	}
	return out
}

// doubt is why a source may not show the truth; empty where all do.
func (g *Guard) doubt() string {
	for _, doubt := range g.Doubts {
		if why := doubt(); why != "" {
			return why
		}
	}
	return ""
}

func unknown(ctx context.Context, err error) (*demand, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return &demand{unknown: err.Error()}, nil
}

// of computes what is demanded, or finds it. Where Applications are live that can be held, an environment without clusters, or
// a service that is gone and still asked for, does not keep the others from being answered.
func (d *demands) of(view *catalog.View, clusters []fleet.Cluster, input params.Input, live bool) (*demand, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.view != view || !same(d.clusters, clusters) {
		d.view, d.clusters, d.ground = view, clusters, admission.NewGround(view, clusters, params.Input{})
		d.byInput, d.held = map[string]*demand{}, 0
	}
	key := inputKey(input)
	if live {
		key += "\x00live"
	}
	if known := d.byInput[key]; known != nil {
		again := *known
		again.rendered = 0
		return &again, nil
	}
	d.made++
	made := &demand{id: d.made, ground: d.ground, rendered: view.Rendered, platform: view.Platform}
	made.ground.Input = input
	result, err := params.Compute(params.World{View: view, Clusters: clusters}, input)
	if err != nil && live {
		result, err = params.Compute(params.World{View: view, Clusters: clusters, Held: true}, input)
		if err != nil {
			made.unknown, err = strings.ReplaceAll(err.Error(), "\n", "; "), nil
		}
	}
	if err != nil {
		return nil, err
	}
	if result != nil {
		made.sets, made.findings = result.Sets, result.Findings
	}
	d.remember(key, made)
	again := *made
	return &again, nil
}

// maxInputs and maxSets bound what is remembered: whoever has the token chooses the input. 200,000 parameter sets are about
// 200 MiB, and twenty times what one installation was made for.
const (
	maxInputs = 500
	maxSets   = 200_000
)

func (d *demands) remember(key string, made *demand) {
	if len(d.byInput) >= maxInputs || d.held+len(made.sets) > maxSets {
		d.byInput, d.held = map[string]*demand{}, 0
	}
	d.byInput[key] = made
	d.held += len(made.sets)
}

// same tells whether two lists are one in memory: a fleet that has not changed gives the same one again.
func same(a, b []fleet.Cluster) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// inputKey identifies an input.
func inputKey(input params.Input) string {
	encoded, err := json.Marshal(input)
	if err != nil {
		panic(err) // strings and selectors can always be marshalled
	}
	return string(encoded)
}
