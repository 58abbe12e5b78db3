// Package guard answers ApplicationSets with what admission decides: it gathers what is known of the repository, the fleet
// and the live Applications, has it decided, and tells people what was held, kept waiting or let go.
//
// It decides nothing by itself, and writes nothing to the cluster but Events and the end of an acknowledgement.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/live"
)

// Live is what there is in Argo CD's namespace.
type Live interface {
	live.Reader
	// Seen are the Applications of an ApplicationSet as an informer has them, sorted by name; false where it cannot be
	// trusted.
	Seen(owner string) ([]live.Application, bool)
	// Taken are Applications of other owners, by name, with their owners' names.
	Taken(owner string) map[string]string
	// Projects are the names of the AppProjects; nil where they are not known.
	Projects() map[string]bool
	// EndAcknowledgement takes the annotation away, if the ApplicationSet is still that version of it.
	EndAcknowledgement(ctx context.Context, set *live.ApplicationSet) error
}

// Options say what a guard answers from.
type Options struct {
	Repository generator.Repository
	Fleet      fleet.Fleet
	// Doubts say each why a source may not show the truth; empty where it does.
	Doubts []func() string
	Live   Live
	Policy admission.Policy
	// Tell is told of each decision that says something new. Nil: nobody is.
	Tell func(*live.ApplicationSet, Report)
	// Leads tells whether this replica is the one that tells people. Nil: it is.
	Leads func() bool
	// Answered is told which ApplicationSet has been answered. Nil: nobody is.
	Answered func(applicationSet string)
	Log      *slog.Logger
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Guard is a generator.Answerer.
type Guard struct {
	Options
	demands demands
	reports reports
	served  served
	memory  *memory
	flight  singleflight.Group
}

// New returns a guard.
func New(options Options) *Guard {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Guard{Options: options, memory: newMemory()}
}

// Answer answers an ApplicationSet. Those who ask the same at the same time share the work.
func (g *Guard) Answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	key := request.ApplicationSet + "\x00" + inputKey(request.Input)
	result := g.flight.DoChan(key, func() (any, error) { return g.answer(context.WithoutCancel(ctx), request) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		answer := r.Val.(*generator.Answer)
		g.served.note(request.ApplicationSet, answer, g.Live.ApplicationSets())
		if g.Answered != nil {
			g.Answered(request.ApplicationSet)
		}
		return answer, nil
	}
}

// answerTime bounds the work that goes on when nobody waits for it.
const answerTime = 2 * time.Minute

func (g *Guard) answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c := &considered{}
	if err := g.read(ctx, c, request.ApplicationSet); err != nil {
		return nil, err
	}
	if answer, err := g.quick(ctx, c, request); answer != nil || err != nil {
		return answer, err
	}
	if err := g.list(ctx, c); err != nil {
		return nil, err
	}
	if err := g.decide(ctx, c, request); err != nil {
		return nil, err
	}
	g.report(ctx, c)
	if c.refusal != nil {
		return nil, c.refusal
	}
	return c.answer(), nil
}

// considered is a decision, and what it was made from.
type considered struct {
	set      *live.ApplicationSet
	demand   *demand
	live     []live.Application
	decision *admission.Decision
	refusal  *admission.Refusal
}

func (c *considered) answer() *generator.Answer {
	return &generator.Answer{
		Body: c.decision.AppendBody(nil), Count: len(c.decision.Parameters),
		Findings: c.demand.findings, Revision: c.demand.ground.Revision, Rendered: c.demand.rendered,
	}
}

// read reads the ApplicationSet that asks. One that is not there asks for a preview.
func (g *Guard) read(ctx context.Context, c *considered, name string) (err error) {
	if name == "" {
		return nil
	}
	if c.set, err = g.Live.ApplicationSet(ctx, name); err != nil {
		return fmt.Errorf("the ApplicationSet %s cannot be read, so nothing can be answered: %w", name, err)
	}
	return nil
}

// quick answers from what an informer has seen, where the answer changes nothing about which Applications there are: what
// the informer may have missed does not matter then.
func (g *Guard) quick(ctx context.Context, c *considered, request generator.Request) (*generator.Answer, error) {
	if c.set == nil {
		return nil, nil
	}
	seen, trusted := g.Live.Seen(c.set.UID)
	if !trusted || len(seen) == 0 {
		return nil, nil
	}
	c.live = seen
	var err error
	if c.demand, err = g.demand(ctx, request.Input, true); err != nil || c.demand.unknown != "" {
		return nil, err
	}
	key, err := g.memory.key(c.demand, c.set, seen)
	if err != nil {
		return nil, err
	}
	if answer := g.memory.find(c.set.Name, key); answer != nil {
		return answer, nil
	}
	if err := g.decide(ctx, c, request); err != nil || !c.calm() {
		return nil, err
	}
	g.report(ctx, c)
	answer := c.answer()
	g.memory.keep(c.set.Name, key, answer)
	return answer, nil
}

// list lists the Applications of the ApplicationSet that asks.
func (g *Guard) list(ctx context.Context, c *considered) (err error) {
	if c.set == nil {
		return nil
	}
	if c.live, err = g.Live.Applications(ctx, c.set.UID); err != nil {
		return fmt.Errorf("the Applications of the ApplicationSet %s cannot be listed, so nothing can be answered: %w", c.set.Name, err)
	}
	return nil
}

// calm tells whether a decision holds whatever an informer may not have seen yet.
func (c *considered) calm() bool {
	d := c.decision
	return d != nil && d.Unguarded == "" && d.Doubt == "" && len(d.Held)+len(d.Released)+len(d.Going)+len(d.Admitted)+len(d.Waiting) == 0 &&
		d.Acknowledgement == admission.NotGiven
}

// decide has an answer decided. Its error is that the request asks for what is not there, or that nothing can be answered.
func (g *Guard) decide(ctx context.Context, c *considered, request generator.Request) (err error) {
	if c.demand, err = g.demand(ctx, request.Input, len(c.live) > 0); err != nil {
		return err
	}
	world := admission.World{
		Now: g.Now(), ApplicationSet: c.set, Desired: c.demand.sets, Unknown: c.demand.unknown, Ground: c.demand.ground, Live: c.live,
		Projects: g.Live.Projects(), Policy: g.Policy,
	}
	if c.set != nil {
		world.Taken = g.Live.Taken(c.set.UID)
	}
	c.decision, err = admission.Decide(world)
	c.refusal = nil
	if errors.As(err, &c.refusal) {
		return nil
	}
	return err
}
