package cmpserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// pool is memory that requests take and give back. They are served in the order of coming, but a tenant that has its part,
// and may keep it for as long as Argo CD waits for its renders, lets others pass.
type pool struct {
	mutex sync.Mutex
	free  int64
	// part is what one tenant may have, unless one request alone takes more.
	part int64
	has  map[string]int64
	line []*waiter
	// inTurn has a tenant's requests served in the order of coming, also if the first of those that wait is the largest.
	inTurn bool
	// reclaim is called when somebody has to wait, and gives back what rests.
	reclaim func()
}

type waiter struct {
	tenant string
	bytes  int64
	served chan struct{}
}

func newPool(bytes, part int64) *pool {
	return &pool{free: bytes, part: part, has: map[string]int64{}, reclaim: func() {}}
}

// errNoRoom is the error of who waited in vain.
var errNoRoom = errors.New("there was no room")

func noRoom(err error) error { return fmt.Errorf("%w: %w", errNoRoom, err) }

// acquire waits until there are so many bytes, or the context ends.
func (p *pool) acquire(ctx context.Context, tenant string, bytes int64) error {
	w := p.stand(tenant, bytes)
	select {
	case <-w.served:
		return nil
	case <-ctx.Done():
	}
	if p.giveUp(w) {
		return noRoom(ctx.Err())
	}
	return nil // it came at the same moment
}

// tryAcquire takes so many bytes if that needs no waiting.
func (p *pool) tryAcquire(tenant string, bytes int64) bool {
	return !p.giveUp(p.stand(tenant, bytes))
}

// stand gets into the line. What rests is reclaimed from there: who lets something rest later sees that somebody waits.
func (p *pool) stand(tenant string, bytes int64) *waiter {
	w := p.lineUp(tenant, bytes)
	select {
	case <-w.served:
	default:
		p.reclaim()
	}
	return w
}

func (p *pool) lineUp(tenant string, bytes int64) *waiter {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	w := &waiter{tenant: tenant, bytes: bytes, served: make(chan struct{})}
	p.line = append(p.line, w)
	p.serve()
	return w
}

// giveUp says whether there was something to give up: the waiter had not been served.
func (p *pool) giveUp(w *waiter) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	i := slices.Index(p.line, w)
	if i < 0 {
		return false
	}
	p.line = slices.Delete(p.line, i, i+1)
	p.serve() // who fits now that nobody larger stands before him
	return true
}

// release gives bytes back: to others first, for whom the tenant still has them.
func (p *pool) release(tenant string, bytes int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.free += bytes
	p.serve()
	p.count(tenant, -bytes)
	p.serve()
}

// rest keeps bytes taken that the tenant has no longer; not where anybody waits.
func (p *pool) rest(tenant string, bytes int64) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.line) > 0 {
		return false
	}
	p.count(tenant, -bytes)
	return true
}

// resume gives a tenant what rests.
func (p *pool) resume(tenant string, bytes int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.count(tenant, bytes)
}

// count counts what a tenant has. The mutex is held.
func (p *pool) count(tenant string, bytes int64) {
	if p.has[tenant] += bytes; p.has[tenant] == 0 {
		delete(p.has, tenant)
	}
}

// serve goes through the line. The mutex is held.
func (p *pool) serve() {
	passed := map[string]bool{}
	for i := 0; i < len(p.line); {
		w := p.line[i]
		if has := p.has[w.tenant]; has > 0 && has+w.bytes > p.part || passed[w.tenant] {
			passed[w.tenant] = p.inTurn
			i++
			continue
		}
		if w.bytes > p.free {
			return
		}
		p.free -= w.bytes
		p.count(w.tenant, w.bytes)
		p.line = slices.Delete(p.line, i, i+1)
		close(w.served)
	}
}
