package generate

import (
	"context"
	"slices"
	"sync"
)

// Queue gives a number of places to those who wait, in turn by tenant: who asks for a hundred waits behind who asks for
// one, and who has places behind who has none. Those who wait of one tenant take turns by Application.
type Queue struct {
	mutex   sync.Mutex
	free    int
	turns   []string // tenants with somebody waiting, the next one first
	waiting map[string][]turn
	// inside is how many places a tenant has.
	inside map[string]int
}

// turn is one request that waits. before is how many of its Application stand before it in the tenant's line, or last; the
// line is sorted by it, so Applications take turns.
type turn struct {
	app    string
	before int
	called chan struct{}
}

// NewQueue returns a queue with so many places.
func NewQueue(places int) *Queue {
	return &Queue{free: places, waiting: map[string][]turn{}, inside: map[string]int{}}
}

// Enter waits for a place; leave gives it back, once.
func (q *Queue) Enter(ctx context.Context, tenant, app string) (leave func(), err error) {
	return q.enter(ctx, tenant, app, 0)
}

// EnterLast waits behind all others of the tenant.
func (q *Queue) EnterLast(ctx context.Context, tenant, app string) (leave func(), err error) {
	return q.enter(ctx, tenant, app, last)
}

// last is more than any number of requests that wait.
const last = 1 << 30

// Waits says whether anybody waits who did not enter as the last.
func (q *Queue) Waits() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for _, tenant := range q.turns {
		if q.waiting[tenant][0].before < last { // they stand by that
			return true
		}
	}
	return false
}

func (q *Queue) enter(ctx context.Context, tenant, app string, before int) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mutex.Lock()
	if q.free > 0 {
		q.free--
		q.inside[tenant]++
		q.mutex.Unlock()
		return q.once(tenant), nil
	}
	called := make(chan struct{})
	if len(q.waiting[tenant]) == 0 {
		q.turns = append(q.turns, tenant)
	}
	q.waiting[tenant] = lineUp(q.waiting[tenant], turn{app, before, called})
	q.mutex.Unlock()
	select {
	case <-called:
	case <-ctx.Done():
		if q.giveUp(tenant, called) {
			return nil, ctx.Err()
		}
		// The place came at the same moment.
	}
	return q.once(tenant), nil
}

func (q *Queue) once(tenant string) (leave func()) { return sync.OnceFunc(func() { q.leave(tenant) }) }

func (q *Queue) giveUp(tenant string, called chan struct{}) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	i := slices.IndexFunc(q.waiting[tenant], func(t turn) bool { return t.called == called })
	if i < 0 {
		return false
	}
	q.waiting[tenant] = slices.Delete(q.waiting[tenant], i, i+1)
	if len(q.waiting[tenant]) == 0 {
		delete(q.waiting, tenant)
		q.turns = slices.DeleteFunc(q.turns, func(t string) bool { return t == tenant })
	}
	return true
}

// lineUp puts a request into its tenant's line: behind all whose number is not higher than its own.
func lineUp(line []turn, t turn) []turn {
	at := len(line)
	for _, other := range line {
		if other.app == t.app {
			t.before = max(t.before, other.before+1)
		}
	}
	for at > 0 && line[at-1].before > t.before {
		at--
	}
	return slices.Insert(line, at, t)
}

// leave passes a tenant's place on to the first of the next one, who then is the last.
func (q *Queue) leave(tenant string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.inside[tenant]--; q.inside[tenant] == 0 {
		delete(q.inside, tenant)
	}
	if len(q.turns) == 0 {
		q.free++
		return
	}
	if i := slices.Index(q.turns, tenant); i >= 0 { // it had its turn, also if it did not have to wait for it
		q.turns = append(slices.Delete(q.turns, i, i+1), tenant)
	}
	next := q.next()
	called := q.turns[next]
	q.turns = slices.Delete(q.turns, next, next+1)
	first := q.waiting[called][0]
	if rest := slices.Delete(q.waiting[called], 0, 1); len(rest) > 0 {
		q.waiting[called] = rest
		q.turns = append(q.turns, called)
	} else {
		delete(q.waiting, called)
	}
	q.inside[called]++
	close(first.called)
}

// next is where in the line the tenant is whose turn it is: the first of those who have the fewest places.
func (q *Queue) next() (next int) {
	for i, tenant := range q.turns {
		if q.inside[tenant] < q.inside[q.turns[next]] {
			next = i
		}
	}
	return next
}
