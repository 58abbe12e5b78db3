package guard

import (
	"context"
	"errors"
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
	// told is what people were told last, by ApplicationSet.
	told map[string]told
}

// Reports are the last ones by ApplicationSet.
func (g *Guard) Reports() map[string]Report {
	g.reports.mu.Lock()
	defer g.reports.mu.Unlock()
	return maps.Clone(g.reports.byName)
}

// report remembers a decision, and tells of it if it says something new. What the next one needs to know is written down.
func (g *Guard) report(ctx context.Context, c *considered) {
	if c.set == nil {
		return
	}
	if !g.tell(c.set, c.report()) {
		return
	}
	if err := g.note(ctx, c); err != nil {
		g.Log.Warn("what the next answer needs to know could not be written", "applicationSet", c.set.Name, "error", err)
	}
}

// tell remembers a report, and tells people if it says something new and this replica is the one that tells them.
func (g *Guard) tell(set *live.ApplicationSet, now Report) (leads bool) {
	g.reports.record(set.Name, now, g.Live.ApplicationSets())
	if g.Leads != nil && !g.Leads() {
		return false
	}
	if g.reports.isNews(set.Name, now, g.Now()) && g.Tell != nil {
		g.Tell(set, now)
	}
	return true
}

// Kinds of refusals that are none of admission's.
const (
	// BadInput is that the ApplicationSet asks for what is not there, or that repository and clusters do not fit together, while
	// none of its Applications is live.
	BadInput admission.RefusalKind = "bad-input"
	// NotRead is that something could not be read that an answer needs.
	NotRead admission.RefusalKind = "not-read"
)

// unanswered tells of an error before anything was decided.
func (g *Guard) unanswered(set *live.ApplicationSet, err error) {
	report := Report{Refused: err.Error(), Kind: NotRead}
	var input *params.InputError
	var unfit *params.Refusal
	if errors.As(err, &input) || errors.As(err, &unfit) {
		report.Kind = BadInput
	}
	g.tell(set, report)
}

// note writes what the next answer needs to know into annotations of the ApplicationSet: what the limit holds, or that an
// acknowledgement is for nothing any more. In doubt, or without an answer, nothing is known of either.
func (g *Guard) note(ctx context.Context, c *considered) error {
	d := c.decision
	if c.refusal != nil || d.Doubt != "" || d.Unguarded != "" {
		return nil
	}
	if before, noted := c.set.Annotations[admission.OverLimitAnnotation]; d.OverLimit != before || noted && before == "" {
		var limited *string
		if d.OverLimit != "" {
			limited = &d.OverLimit
		}
		// Nobody else writes it, and Argo CD, which writes the status, must not keep it from being written. The change has all decided
		// anew.
		return g.Live.Annotate(ctx, c.set.Name, "", map[string]*string{admission.OverLimitAnnotation: limited})
	}
	if d.Acknowledgement == admission.Spent {
		return g.Live.Annotate(ctx, c.set.Name, c.set.ResourceVersion, map[string]*string{admission.AcknowledgeAnnotation: nil})
	}
	return nil
}

// record remembers a report, and forgets ApplicationSets that are gone.
func (r *reports) record(name string, now Report, there []live.ApplicationSet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName, r.told = map[string]Report{}, map[string]told{}
	}
	maps.DeleteFunc(r.byName, func(other string, _ Report) bool { return !has(there, other) })
	maps.DeleteFunc(r.told, func(other string, _ told) bool { return !has(there, other) })
	r.byName[name] = now
}

// told is what people were told, and when.
type told struct {
	said string
	at   time.Time
}

// remind is after how long people are told again of what waits for them: an API server keeps an Event for an hour.
const remind = 30 * time.Minute

// isNews tells whether a report says something that people have not been told by this replica, or not for long. What it decided
// before it led, nobody was told.
func (r *reports) isNews(name string, now Report, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, said := r.told[name], now.says()
	waits := now.Refused != "" || now.Doubt != "" || len(now.Held) > 0
	if before.said == said && !(waits && at.Sub(before.at) >= remind) {
		return false
	}
	r.told[name] = told{said, at}
	return now.eventful()
}

// eventful tells whether a report says anything at all.
func (r Report) eventful() bool {
	return r.Refused != "" || r.Doubt != "" || r.TooMany != "" || len(r.Held)+len(r.Released)+len(r.Admitted)+len(r.Waiting) > 0
}
