// Package guard answers ApplicationSets with what admission decides: it gathers what is known of the repository, the fleet
// and the live Applications, has it decided, and tells people what was held, kept waiting or let go.
//
// It decides nothing by itself, and writes nothing to the cluster but Events, the end of an acknowledgement, and what the limit
// has held.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/live/share"
)

// Live is what there is in Argo CD's namespace.
type Live interface {
	live.Reader
	// Complete tells whether an informer knows every Application that there is at the moment of the call, and no other.
	Complete(ctx context.Context) (bool, error)
	// Seen are the Applications of an ApplicationSet as an informer has them, sorted by name; false where it cannot be
	// trusted.
	Seen(applicationSet string) ([]live.Application, bool)
	// Taken are the Applications that an informer has seen and that the ApplicationSet cannot have, by name, with whose they are.
	Taken(applicationSet string) map[string]string
	// Projects are the names of the AppProjects; nil where they are not known.
	Projects() map[string]bool
	// Annotate changes annotations of an ApplicationSet, with a version only if it is still that one; nil takes one away.
	Annotate(ctx context.Context, set, version string, annotations map[string]*string) error
}

// Options say what a guard answers from.
type Options struct {
	Repository generator.Repository
	Fleet      fleet.Fleet
	// Doubts say each why a source may not show the truth; empty where it does.
	Doubts []func() string
	// Confirmed is when a revision was last seen to be the repository's newest: where replicas read it each for itself, one may
	// be behind the other. The zero time is that it is not known to be the newest. Nil: it is at any time.
	Confirmed func(revision string) time.Time
	Live      Live
	Policy    admission.Policy
	// Tell is told of each decision that says something new. Nil: nobody is.
	Tell func(*live.ApplicationSet, Report)
	// Leads tells whether this replica is the one that tells people. Nil: it is.
	Leads func() bool
	// Answered is told which ApplicationSet has been answered. Nil: nobody is.
	Answered func(applicationSet string)
	// Time bounds the work on an answer, which goes on when nobody waits for it: 2 min.
	Time time.Duration
	Log  *slog.Logger
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
	work    share.Group[string, *generator.Answer]
}

// New returns a guard.
func New(options Options) *Guard {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Time == 0 {
		options.Time = 2 * time.Minute
	}
	if options.Confirmed == nil {
		options.Confirmed = func(string) time.Time { return options.Now() }
	}
	return &Guard{Options: options, memory: newMemory()}
}

// Answer answers an ApplicationSet. Equal requests share the work; nobody is given the result of work that began before they
// asked.
func (g *Guard) Answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	key := request.ApplicationSet + "\x00" + inputKey(request.Input)
	answer, err := g.work.Do(ctx, key, g.Time, func(ctx context.Context) (*generator.Answer, error) { return g.answer(ctx, request) })
	if err != nil {
		var panicked *share.PanicError
		if errors.As(err, &panicked) {
			g.Log.Error("panic", "applicationSet", request.ApplicationSet, "error", err, "stack", string(panicked.Stack))
		}
		return nil, err
	}
	g.served.note(request.ApplicationSet, answer, g.Live.ApplicationSets())
	if g.Answered != nil {
		g.Answered(request.ApplicationSet)
	}
	return answer, nil
}

func (g *Guard) answer(ctx context.Context, request generator.Request) (*generator.Answer, error) {
	c := &considered{}
	answer, err := g.consider(ctx, c, request)
	if err != nil && c.refusal == nil && c.set != nil && ctx.Err() == nil {
		g.unanswered(c.set, err)
	}
	return answer, err
}

func (g *Guard) consider(ctx context.Context, c *considered, request generator.Request) (*generator.Answer, error) {
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
	set    *live.ApplicationSet
	demand *demand
	live   []live.Application
	// taken are the Applications that it cannot have.
	taken    map[string]string
	decision *admission.Decision
	refusal  *admission.Refusal
}

func (c *considered) answer() *generator.Answer {
	return &generator.Answer{
		Body: c.decision.Body(), Count: len(c.decision.Parameters),
		Findings: c.demand.findings, Revision: c.demand.ground.Revision, Rendered: c.demand.rendered,
	}
}

// read reads the ApplicationSet that asks. One that is not there asks for a preview. Applications of its name show where it
// should be there.
func (g *Guard) read(ctx context.Context, c *considered, name string) (err error) {
	if name == "" {
		return nil
	}
	if c.set, err = g.Live.ApplicationSet(ctx, name); err != nil {
		return fmt.Errorf("the ApplicationSet %s cannot be read, so nothing can be answered: %w", name, err)
	}
	if c.set == nil {
		if seen, trusted := g.Live.Seen(name); trusted {
			c.live = seen
			return nil
		}
		all, err := g.Live.Applications(ctx)
		if err != nil {
			return fmt.Errorf("whether Applications of the ApplicationSet %s are live cannot be read, so nothing can be answered: %w", name, err)
		}
		c.live = all.Of(name)
	}
	return nil
}

// quick answers from what an informer has seen, where the answer changes nothing about which Applications there are, and
// where the informer has missed none: one that it has missed, and that is not demanded any more, would be deleted.
func (g *Guard) quick(ctx context.Context, c *considered, request generator.Request) (*generator.Answer, error) {
	if c.set == nil {
		return nil, nil
	}
	if seen, trusted := g.Live.Seen(c.set.Name); !trusted || len(seen) == 0 {
		return nil, nil
	}
	var err error
	if c.demand, err = g.demand(ctx, request.Input, true); err != nil || c.demand.unknown != "" {
		return nil, err
	}
	if complete, err := g.Live.Complete(ctx); !complete {
		if err != nil {
			g.Log.Debug("all Applications are listed", "applicationSet", c.set.Name, "because", err)
		}
		return nil, nil
	}
	c.live, _ = g.Live.Seen(c.set.Name)
	key, err := g.memory.key(c.demand, c.set, c.live)
	if err != nil {
		return nil, err
	}
	if answer := g.memory.find(c.set.Name, key); answer != nil {
		return answer, nil
	}
	if err := g.rule(c); err != nil || !c.calm() {
		return nil, err
	}
	g.report(ctx, c)
	answer := c.answer()
	g.memory.keep(c.set.Name, key, answer, g.Live.ApplicationSets())
	return answer, nil
}

// list lists the Applications of the ApplicationSet that asks, and those that it cannot have.
func (g *Guard) list(ctx context.Context, c *considered) error {
	if c.set == nil {
		return nil
	}
	all, err := g.Live.Applications(ctx)
	if err != nil {
		return fmt.Errorf("the Applications of the ApplicationSet %s cannot be listed, so nothing can be answered: %w", c.set.Name, err)
	}
	c.live, c.taken = all.Of(c.set.Name), all.Taken(c.set.Name)
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
	return g.rule(c)
}

// rule has an answer decided from what is demanded and what is live.
func (g *Guard) rule(c *considered) (err error) {
	c.decision, err = admission.Decide(admission.World{
		Now: g.Now(), ApplicationSet: c.set, Desired: c.demand.sets, Unknown: c.demand.unknown, Ground: c.demand.ground, Live: c.live,
		Taken: c.taken, Projects: g.Live.Projects(), Policy: g.Policy,
	})
	c.refusal = nil
	if errors.As(err, &c.refusal) {
		return nil
	}
	return err
}
