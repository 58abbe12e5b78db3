package incluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidegate/tidegate/generator/leader"
	"github.com/tidegate/tidegate/generator/push"
)

// newLeader prepares what only one of several replicas does.
func (g *Generator) newLeader() (err error) {
	if g.Push {
		g.pusher = push.New(push.Options{
			Client: g.argo, Namespace: g.Namespace, ApplicationSets: g.live.ApplicationSets, Answers: g.Guard, Log: g.Log,
		})
		g.Registry.MustRegister(g.pusher.Collectors()...)
	}
	if g.election, err = leader.New(leader.Options{Client: g.kube, Namespace: g.Namespace, Identity: g.Identity, Log: g.Log}); err != nil {
		return err
	}
	g.Registry.MustRegister(g.election.Collector())
	return nil
}

// subscribe has changes told.
func (g *Generator) subscribe() {
	g.changed, g.committed = make(chan struct{}, 1), make(chan struct{}, 1)
	g.fleet.Notify(g.changed)
	g.live.Notify(g.changed)
	if g.mirror != nil {
		g.mirror.Notify(g.committed)
	}
}

// leads tells whether this replica is the leader: only that one tells people, once.
func (g *Generator) leads() bool { return g.election.Leads() }

// ended makes of the end of a context no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// answered tells that Argo CD has asked.
func (g *Generator) answered(applicationSet string) {
	if g.pusher != nil {
		g.pusher.Answered(applicationSet)
	}
}

// lead works until the context ends. What is to be done is known only when everything has been read once: before, every
// answer would seem to have changed.
func (g *Generator) lead(ctx context.Context) {
	for !g.known() {
		select {
		case <-ctx.Done():
			return
		case <-g.changed:
		case <-g.committed:
		}
	}
	var all sync.WaitGroup
	if g.releaser != nil {
		all.Go(func() {
			if err := ended(ctx, g.releaser.Run(ctx)); err != nil {
				g.Log.Error("operations are not released any more until the leader changes", "error", err)
			}
		})
	}
	if g.pusher != nil {
		all.Go(func() { g.pusher.Run(ctx) })
	}
	all.Go(func() { g.follow(ctx) })
	all.Wait()
}

// known tells whether everything has been read once.
func (g *Generator) known() bool {
	return g.fleet.State().Synced && g.live.State().Synced && (g.mirror == nil || g.mirror.State().Revision != "")
}

// lookAgain is how often it is looked whether time alone has changed an answer, and, for a folder, whether it has changed.
const lookAgain = 5 * time.Second

// follow passes on what has changed.
func (g *Generator) follow(ctx context.Context) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.changed:
			g.tellPusher()
		case <-g.committed:
			g.tellPusher()
			if g.releaser != nil {
				g.releaser.Wake()
			}
		case now := <-ticker.C:
			g.time(now)
		}
	}
}

// tellPusher has answers compared with those that were given.
func (g *Generator) tellPusher(applicationSets ...string) {
	if g.pusher != nil {
		g.pusher.Changed(applicationSets...)
	}
}

// time tells of what nobody else tells.
func (g *Generator) time(now time.Time) {
	if g.mirror == nil {
		g.tellPusher()
		return
	}
	if due := g.Guard.Due(now); len(due) > 0 {
		g.tellPusher(due...)
	}
}
