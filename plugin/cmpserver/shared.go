package cmpserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// shared is memory that requests take and give back. Who waits for it is served in the order of coming; but a tenant that
// has its part, and may keep it for as long as Argo CD waits for its renders, lets others pass.
type shared struct {
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

func newShared(bytes, part int64) *shared {
	return &shared{free: bytes, part: part, has: map[string]int64{}, reclaim: func() {}}
}

// errNoRoom is the error of who waited in vain.
var errNoRoom = errors.New("there was no room")

func noRoom(err error) error { return fmt.Errorf("%w: %w", errNoRoom, err) }

// acquire waits until there are so many bytes, or the context ends.
func (s *shared) acquire(ctx context.Context, tenant string, bytes int64) error {
	w := s.stand(tenant, bytes)
	select {
	case <-w.served:
		return nil
	case <-ctx.Done():
	}
	if s.giveUp(w) {
		return noRoom(ctx.Err())
	}
	return nil // it came at the same moment
}

// tryAcquire takes so many bytes if that needs no waiting.
func (s *shared) tryAcquire(tenant string, bytes int64) bool {
	return !s.giveUp(s.stand(tenant, bytes))
}

// stand gets into the line. What rests is reclaimed from there: who lets something rest later sees that somebody waits.
func (s *shared) stand(tenant string, bytes int64) *waiter {
	w := s.lineUp(tenant, bytes)
	select {
	case <-w.served:
	default:
		s.reclaim()
	}
	return w
}

func (s *shared) lineUp(tenant string, bytes int64) *waiter {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	w := &waiter{tenant: tenant, bytes: bytes, served: make(chan struct{})}
	s.line = append(s.line, w)
	s.serve()
	return w
}

// giveUp says whether there was something to give up: the waiter had not been served.
func (s *shared) giveUp(w *waiter) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	i := slices.Index(s.line, w)
	if i < 0 {
		return false
	}
	s.line = slices.Delete(s.line, i, i+1)
	s.serve() // who fits now that nobody larger stands before him
	return true
}

// release gives bytes back: to others first, for whom the tenant still has them.
func (s *shared) release(tenant string, bytes int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.free += bytes
	s.serve()
	s.count(tenant, -bytes)
	s.serve()
}

// rest keeps bytes taken that the tenant has no longer; not where anybody waits.
func (s *shared) rest(tenant string, bytes int64) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.line) > 0 {
		return false
	}
	s.count(tenant, -bytes)
	return true
}

// resume gives a tenant what rests.
func (s *shared) resume(tenant string, bytes int64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.count(tenant, bytes)
}

// count counts what a tenant has. The mutex is held.
func (s *shared) count(tenant string, bytes int64) {
	if s.has[tenant] += bytes; s.has[tenant] == 0 {
		delete(s.has, tenant)
	}
}

// serve goes through the line. The mutex is held.
func (s *shared) serve() {
	passed := map[string]bool{}
	for i := 0; i < len(s.line); {
		w := s.line[i]
		if has := s.has[w.tenant]; has > 0 && has+w.bytes > s.part || passed[w.tenant] {
			passed[w.tenant] = s.inTurn
			i++
			continue
		}
		if w.bytes > s.free {
			return
		}
		s.free -= w.bytes
		s.count(w.tenant, w.bytes)
		s.line = slices.Delete(s.line, i, i+1)
		close(w.served)
	}
}
