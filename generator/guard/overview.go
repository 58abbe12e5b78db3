package guard

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tidegate/tidegate/generator/live"
)

// Summary is what becomes of the Applications of one ApplicationSet with its next answer.
type Summary struct {
	ApplicationSet string `json:"applicationSet"`
	Revision       string `json:"revision,omitempty"`
	// Frozen is why nothing changes: there is no answer, or everything stays as it is. Unknown is why what the next answer changes is
	// not known. Both empty: what Applications says comes about.
	Frozen  string `json:"frozen,omitempty"`
	Unknown string `json:"unknown,omitempty"`
	// Do is the command that lets go all that is held.
	Do string `json:"do,omitempty"`
	// Applications are all of them, sorted by name and without their parameters. Those that nothing happens to have no sentences.
	Applications []Explanation `json:"applications"`
}

var errNoApplicationSet = errors.New("no ApplicationSet asks this generator, so it knows of no Application")

// Overview tells what becomes of every Application, by ApplicationSet.
func (g *Guard) Overview(ctx context.Context, namespace string) ([]Summary, error) {
	all, err := g.Live.Applications(ctx)
	if err != nil {
		return nil, err
	}
	var out []Summary
	for _, set := range g.Live.ApplicationSets() {
		c, err := g.look(ctx, set, all)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			c = &considered{set: &set, live: all.Of(set.Name), demand: &demand{}}
		}
		out = append(out, c.summary(namespace, err))
	}
	if len(out) == 0 {
		return nil, errNoApplicationSet
	}
	return out, nil
}

// summary sums a decision up; an error is why there was none.
func (c *considered) summary(namespace string, err error) Summary {
	s := Summary{ApplicationSet: c.set.Name, Revision: c.demand.ground.Revision}
	if errors.Is(err, errCombined) {
		s.Unknown = err.Error()
	} else {
		s.Frozen = c.frozen(err)
	}
	if c.decision != nil && c.decision.Digest != "" {
		s.Do = acknowledge(namespace, c.set.Name, c.decision.Digest)
	}
	names := map[string]bool{}
	c.names(names)
	s.Applications = make([]Explanation, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		e := c.explanation(namespace, name, err)
		if e.Revision, e.Parameters = "", nil; s.Frozen+s.Unknown != "" || e.State == Stays || e.State == Demanded {
			e.Why = nil
		}
		s.Applications = append(s.Applications, *e)
	}
	return s
}

func (c *considered) explanation(namespace, name string, err error) *Explanation {
	if err != nil {
		return unlooked(c.set.Name, name, err)
	}
	return c.explain(namespace, name)
}

// frozen is why nothing changes; empty where something may.
func (c *considered) frozen(err error) string {
	switch {
	case err != nil:
		return noAnswer(err.Error())
	case c.refusal != nil:
		return noAnswer(c.refusal.Message)
	case c.decision.Doubt != "":
		return "everything stays as it is, and no new Application comes: " + c.decision.Doubt
	}
	return ""
}

func noAnswer(why string) string {
	return "its ApplicationSet gets no answer, so nothing changes: " + why
}

// isOf tells whether a live Application is of an ApplicationSet.
func isOf(all *live.Listing, set, name string) bool {
	return slices.ContainsFunc(all.Of(set), func(app live.Application) bool { return app.Name == name })
}
