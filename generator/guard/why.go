package guard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/strict"
)

// Explanation says why an Application is there with these parameters, or why it is not.
type Explanation struct {
	Application    string `json:"application"`
	ApplicationSet string `json:"applicationSet,omitempty"`
	// State is what the next answer does with it.
	State State `json:"state"`
	// Why are sentences.
	Why []string `json:"why,omitempty"`
	// Do is a command, where a person can change it.
	Do       string `json:"do,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Parameters are those that it gets.
	Parameters *params.Set `json:"parameters,omitempty"`
}

// State is what the next answer does with an Application.
type State string

// The states.
const (
	// Demanded is one that repository and fleet demand, where nothing is known of what is live.
	Demanded State = "demanded"
	// Stays is a live one that is demanded.
	Stays State = "stays"
	// Comes is a new one that is let in.
	Comes State = "comes"
	// Waits is a new one that is not let in yet.
	Waits State = "waits"
	// Held is a live one that nothing demands any more, and that stays.
	Held State = "held"
	// Goes is a live one that is let go.
	Goes State = "goes"
	// Going is one whose deletion is under way.
	Going State = "going"
	// Frozen is one of an ApplicationSet that gets no answer, or of which everything stays as it is.
	Frozen State = "frozen"
	// Absent is one that nothing demands.
	Absent State = "absent"
	// Unknown is one of an ApplicationSet that is answered, and of which it is not known what it asks for.
	Unknown State = "unknown"
)

// Why explains an Application.
func (g *Guard) Why(ctx context.Context, namespace, name string) (*Explanation, error) {
	known := map[string]bool{}
	var refused, doubts []string
	all, err := g.Live.Applications(ctx)
	if err != nil {
		return nil, err
	}
	for _, set := range ownerFirst(g.Live.ApplicationSets(), all, name) {
		c, err := g.look(ctx, set, all)
		switch {
		case err == nil:
		case isOf(all, set.Name, name):
			return unlooked(set.Name, name, err), nil
		case errors.Is(err, errCombined):
			doubts = append(doubts, fmt.Sprintf("%s may be of the ApplicationSet %s: %v", name, set.Name, err))
			continue
		default:
			refused = append(refused, fmt.Sprintf("ApplicationSet %s: %v", set.Name, err))
			continue
		}
		if explanation := c.explain(namespace, name); explanation != nil {
			return explanation, nil
		}
		if c.decision != nil && c.decision.Doubt != "" {
			doubts = append(doubts, fmt.Sprintf("of the ApplicationSet %s everything stays as it is, and no new Application comes: %s", set.Name, c.decision.Doubt))
		}
		c.names(known)
	}
	if len(doubts) > 0 {
		// What it would need is not known.
		return &Explanation{Application: name, State: Absent, Why: append(refused, doubts...)}, nil
	}
	return g.absent(ctx, name, known, refused)
}

// unlooked explains a live Application whose ApplicationSet could not be decided about.
func unlooked(set, name string, err error) *Explanation {
	e := &Explanation{Application: name, ApplicationSet: set, State: Frozen, Why: []string{noAnswer(err.Error())}}
	if errors.Is(err, errCombined) {
		e.State, e.Why = Unknown, []string{err.Error()}
	}
	return e
}

// ownerFirst has the ApplicationSet come first whose Application it is: another one may demand it too, and not get it.
func ownerFirst(sets []live.ApplicationSet, all *live.Listing, name string) []live.ApplicationSet {
	at := slices.IndexFunc(sets, func(set live.ApplicationSet) bool { return isOf(all, set.Name, name) })
	if at < 0 {
		return sets
	}
	return append([]live.ApplicationSet{sets[at]}, slices.Delete(slices.Clone(sets), at, at+1)...)
}

// look decides about an ApplicationSet as if it asked now, and tells nobody.
func (g *Guard) look(ctx context.Context, set live.ApplicationSet, all *live.Listing) (*considered, error) {
	c := &considered{set: &set, live: all.Of(set.Name), taken: all.Taken(set.Name)}
	request, err := g.asked(c)
	if err != nil {
		return nil, err
	}
	return c, g.decide(ctx, c, request)
}

// names collects all names that a decision is about.
func (c *considered) names(into map[string]bool) {
	for _, app := range c.live {
		into[app.Name] = true
	}
	for i := range c.demand.sets {
		into[c.demand.sets[i].Name] = true
	}
}

// explain says what becomes of an Application; nothing if the decision is not about it.
func (c *considered) explain(namespace, name string) *Explanation {
	at := slices.IndexFunc(c.live, func(app live.Application) bool { return app.Name == name })
	set := c.wanted(name)
	if at < 0 && set == nil {
		return nil
	}
	e := &Explanation{Application: name, ApplicationSet: c.set.Name, Revision: c.demand.ground.Revision, Parameters: set}
	switch frozen := c.frozen(nil); {
	case frozen != "" && at < 0:
		e.State, e.Why = Waits, append(e.Why, frozen)
	case frozen != "":
		e.State, e.Why = Frozen, append(e.Why, frozen)
	case set != nil:
		e.State = c.demandedState(name, at >= 0, e)
	default:
		c.explainRemoval(namespace, name, e)
	}
	if set != nil {
		e.Why = append(e.Why, c.demand.reasons(set)...)
	}
	return e
}

func (c *considered) wanted(name string) *params.Set {
	for i := range c.demand.sets {
		if c.demand.sets[i].Name == name {
			return &c.demand.sets[i]
		}
	}
	return nil
}

func (c *considered) demandedState(name string, isLive bool, e *Explanation) State {
	for _, waiting := range c.decision.Waiting {
		if waiting.Application == name {
			e.Why = append(e.Why, waiting.Message())
			return Waits
		}
	}
	switch {
	case slices.Contains(c.decision.Going, name):
		e.Why = append(e.Why, "its deletion is under way; it is made anew afterwards")
		return Going
	case isLive:
		return Stays
	case c.set.UID == "":
		return Demanded
	}
	return Comes
}

func (c *considered) explainRemoval(namespace, name string, e *Explanation) {
	for _, removal := range c.decision.Held {
		if removal.Application == name {
			e.State, e.Why = Held, append(e.Why, removal.Why, removal.Rule)
			e.Do = acknowledge(namespace, c.set.Name, removal.Digest)
			return
		}
	}
	for _, removal := range c.decision.Released {
		if removal.Application == name {
			e.State, e.Why = Goes, append(e.Why, removal.Why, removal.Rule)
			return
		}
	}
	if c.decision.Unguarded == admission.GuardOff {
		e.State, e.Why = Goes, append(e.Why, "nothing demands it, and the ApplicationSet's annotation "+admission.GuardAnnotation+" has nothing held")
		return
	}
	e.State, e.Why = Going, append(e.Why, "its deletion is under way, and nothing demands it any more")
}

func written(selector *metav1.LabelSelector) string {
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return "{}, which is every cluster"
	}
	return metav1.FormatLabelSelector(selector)
}

// absent explains what no ApplicationSet demands.
func (g *Guard) absent(ctx context.Context, name string, known map[string]bool, refused []string) (*Explanation, error) {
	e := &Explanation{Application: name, State: Absent, Why: refused}
	view, err := g.Repository.Read(ctx)
	if err != nil {
		return nil, err
	}
	clusters, err := g.Fleet.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	e.Revision = view.Revision
	if would := wouldBe(view, clusters, name, len(refused) > 0); len(would) > 0 {
		e.Why = append(e.Why, would...)
		return e, nil
	}
	names := slices.Sorted(maps.Keys(known))
	if len(names) == 0 {
		return nil, errNoApplicationSet
	}
	e.Why = append(e.Why, fmt.Sprintf("nothing in the repository would be called so; %s", strict.Hint(name, names)))
	return e, nil
}
