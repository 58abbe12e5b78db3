package guard

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// Report is what people should know of the last decision for an ApplicationSet.
type Report struct {
	// Refused is why there was no answer, and Kind in a word; empty where there was one.
	Refused string
	Kind    admission.RefusalKind
	// Doubt is why everything stays as it is.
	Doubt string
	// Sets is how many parameter sets the answer has.
	Sets     int
	Held     []admission.Removal
	Released []admission.Removal
	Admitted []string
	Waiting  []admission.Waiting
	// Digest acknowledges what is held.
	Digest          string
	Acknowledgement admission.Acknowledgement
	// Next is when time alone may change the answer; zero for never.
	Next time.Time
	// TooMany says that there are too many for one ApplicationSet, and how to divide them; empty where there are not.
	TooMany string
	// Revision is that of the repository.
	Revision string
}

func (c *considered) report() Report {
	if c.refusal != nil {
		return Report{Refused: c.refusal.Message, Kind: c.refusal.Kind, Digest: c.refusal.Digest, Revision: c.demand.ground.Revision}
	}
	d := c.decision
	return Report{
		Doubt: d.Doubt, Sets: len(d.Parameters), Held: d.Held, Released: d.Released, Admitted: d.Admitted, Waiting: d.Waiting,
		Digest: d.Digest, Acknowledgement: d.Acknowledgement, Next: d.Next, TooMany: c.demand.tooMany(), Revision: c.demand.ground.Revision,
	}
}

func (d *demand) tooMany() string {
	for _, finding := range d.findings {
		if finding.Kind == params.TooMany {
			return finding.Message
		}
	}
	return ""
}

// says identifies what a report tells a person: not how often.
func (r Report) says() string {
	return strings.Join([]string{r.Refused, r.Doubt, r.Digest, r.TooMany, fmt.Sprint(r.Released, r.Admitted, len(r.Waiting))}, "\x00")
}

// reports are the last ones of the ApplicationSets there are.
type reports struct {
	mu     sync.Mutex
	byName map[string]Report
}

// Reports are the last ones by ApplicationSet.
func (g *Guard) Reports() map[string]Report {
	g.reports.mu.Lock()
	defer g.reports.mu.Unlock()
	return maps.Clone(g.reports.byName)
}

// report remembers a decision, and tells of it if it says something new. An acknowledgement that acknowledges nothing any
// more is taken away.
func (g *Guard) report(ctx context.Context, c *considered) {
	if c.set == nil {
		return
	}
	now := c.report()
	isNew := g.reports.record(c.set.Name, now, g.Live.ApplicationSets())
	if g.Leads != nil && !g.Leads() {
		return
	}
	if isNew && g.Tell != nil {
		g.Tell(c.set, now)
	}
	if now.Acknowledgement == admission.Spent {
		if err := g.Live.EndAcknowledgement(ctx, c.set); err != nil {
			g.Log.Warn("the acknowledgement on the ApplicationSet is for nothing any more, and could not be removed", "applicationSet", c.set.Name, "error", err)
		}
	}
}

// record tells whether a report says something new. It forgets ApplicationSets that are gone.
func (r *reports) record(name string, now Report, there []live.ApplicationSet) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string]Report{}
	}
	before, known := r.byName[name]
	maps.DeleteFunc(r.byName, func(other string, _ Report) bool { return !has(there, other) })
	r.byName[name] = now
	return now.eventful() && (!known || before.says() != now.says())
}

// eventful tells whether a report says anything at all.
func (r Report) eventful() bool {
	return r.Refused != "" || r.Doubt != "" || r.TooMany != "" || len(r.Held)+len(r.Released)+len(r.Admitted)+len(r.Waiting) > 0
}
