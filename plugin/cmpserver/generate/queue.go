package generate

import (
	"context"
	"slices"
	"sync"
)

// Queue gives a number of places to those who wait, in turn by tenant: who asks for a hundred waits behind who asks for
// one.
type Queue struct {
	mutex   sync.Mutex
	free    int
	turns   []string // tenants with somebody waiting, the next one first
	waiting map[string][]chan struct{}
}

// NewQueue returns a queue with so many places.
func NewQueue(places int) *Queue { return &Queue{free: places, waiting: map[string][]chan struct{}{}} }

// Enter waits for a place; leave gives it back, once.
func (q *Queue) Enter(ctx context.Context, tenant string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q.mutex.Lock()
	if q.free > 0 {
		q.free--
		q.mutex.Unlock()
		return sync.OnceFunc(q.leave), nil
	}
	turn := make(chan struct{})
	if len(q.waiting[tenant]) == 0 {
		q.turns = append(q.turns, tenant)
	}
	q.waiting[tenant] = append(q.waiting[tenant], turn)
	q.mutex.Unlock()
	select {
	case <-turn:
	case <-ctx.Done():
		if q.giveUp(tenant, turn) {
			return nil, ctx.Err()
		}
		// The place came at the same moment.
	}
	return sync.OnceFunc(q.leave), nil
}

func (q *Queue) giveUp(tenant string, turn chan struct{}) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	i := slices.Index(q.waiting[tenant], turn)
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

// leave passes the place on to the first of the next tenant, who then is the last.
func (q *Queue) leave() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.turns) == 0 {
		q.free++
		return
	}
	tenant := q.turns[0]
	q.turns = slices.Delete(q.turns, 0, 1)
	first := q.waiting[tenant][0]
	if rest := slices.Delete(q.waiting[tenant], 0, 1); len(rest) > 0 {
		q.waiting[tenant] = rest
		q.turns = append(q.turns, tenant)
	} else {
		delete(q.waiting, tenant)
	}
	close(first)
}
