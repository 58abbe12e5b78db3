package generate

import (
	"context"
	"sync"
	"time"
)

// overdue are requests that have held their place for too long, and run on without it.
type overdue struct {
	mutex sync.Mutex
	runs  map[*run]bool
}

// run is a request that has had its place.
type run struct {
	// ctx ends when nobody waits for it any more.
	ctx        context.Context
	asker, dir string
	since      time.Time
	over       bool
}

// add adds one, unless it is over by now.
func (o *overdue) add(r *run) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if r.over {
		return
	}
	if o.runs == nil {
		o.runs = map[*run]bool{}
	}
	o.runs[r] = true
}

// end takes one out, also before it has been added.
func (o *overdue) end(r *run) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	r.over = true
	delete(o.runs, r)
}

func (o *overdue) count() int64 {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return int64(len(o.runs))
}

// vain is the one that has been running for longest of those that nobody waits for; nil: there is none.
func (o *overdue) vain() (longest *run) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for r := range o.runs {
		if r.ctx.Err() != nil && (longest == nil || r.since.Before(longest.since)) {
			longest = r
		}
	}
	return longest
}
