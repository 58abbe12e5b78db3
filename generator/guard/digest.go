package guard

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/live"
)

// served are digests of the answers that this process has given, by ApplicationSet. They tell answers apart, and mean
// nothing to another process.
type served struct {
	mu     sync.Mutex
	byName map[string]string
}

var seed = maphash.MakeSeed()

func digest(body []byte) string { return fmt.Sprintf("%016x", maphash.Bytes(seed, body)) }

// note remembers an answer. ApplicationSets that do not exist are not asked for, and those that are gone are forgotten.
func (s *served) note(name string, answer *generator.Answer, there []live.ApplicationSet) {
	if !has(there, name) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = map[string]string{}
	}
	forget(s.byName, there)
	s.byName[name] = digest(answer.Body)
}

func has(there []live.ApplicationSet, name string) bool {
	return slices.ContainsFunc(there, func(set live.ApplicationSet) bool { return set.Name == name })
}

// forget drops what is remembered of ApplicationSets that are gone. Looked at only where it is more than there are.
func forget[T any](byName map[string]T, there []live.ApplicationSet) {
	if len(byName) <= len(there) {
		return
	}
	maps.DeleteFunc(byName, func(name string, _ T) bool { return !has(there, name) })
}

// Served is the digest of what was answered last; empty for never.
func (g *Guard) Served(applicationSet string) string {
	g.served.mu.Lock()
	defer g.served.mu.Unlock()
	return g.served.byName[applicationSet]
}

// Wanted is the digest of what an ApplicationSet would be answered now. It reports the decision as Answer does: what is held
// leaves the answer as it was, so Argo CD may not ask, or may ask a replica that does not lead. An error means that there would
// be no answer.
func (g *Guard) Wanted(ctx context.Context, applicationSet string) (string, error) {
	sets := g.Live.ApplicationSets()
	at := slices.IndexFunc(sets, func(set live.ApplicationSet) bool { return set.Name == applicationSet })
	if at < 0 {
		return "", fmt.Errorf("there is no ApplicationSet %s", applicationSet)
	}
	c := &considered{set: &sets[at]}
	if err := g.want(ctx, c); err != nil {
		if ctx.Err() == nil && !errors.Is(err, errCombined) {
			g.unanswered(c.set, err)
		}
		return "", err
	}
	g.report(ctx, c)
	if c.refusal != nil {
		return "", c.refusal
	}
	return digest(c.decision.Body()), nil
}

// want decides about an ApplicationSet from what informers have seen, where that can be trusted.
func (g *Guard) want(ctx context.Context, c *considered) error {
	request, err := g.asked(c)
	if c.refusal != nil {
		return nil
	}
	if err != nil {
		return err
	}
	seen, trusted := g.Live.Seen(c.set.Name)
	if c.live, c.taken = seen, g.Live.Taken(c.set.Name); !trusted {
		if err := g.list(ctx, c); err != nil {
			return err
		}
	}
	return g.decide(ctx, c, request)
}

// Due are the ApplicationSets whose answer may be another one only because time has passed: new Applications that have not
// settled hold up others no longer.
func (g *Guard) Due(now time.Time) []string {
	var out []string
	for name, report := range g.Reports() {
		if !report.Next.IsZero() && !now.Before(report.Next) {
			out = append(out, name)
		}
	}
	return out
}
