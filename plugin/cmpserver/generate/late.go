package generate

import (
	"sync"
	"time"
)

// late are requests that have held their place for too long, and run on without it.
type late struct {
	mutex sync.Mutex
	runs  map[*run]bool
}

// run is a request that has had its place.
type run struct {
	asker, dir string
	since      time.Time
	over       bool
}

// add adds one, unless it is over by now.
func (l *late) add(r *run) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if r.over {
		return
	}
	if l.runs == nil {
		l.runs = map[*run]bool{}
	}
	l.runs[r] = true
}

// end takes one out, also before it has been added.
func (l *late) end(r *run) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	r.over = true
	delete(l.runs, r)
}

func (l *late) count() int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return int64(len(l.runs))
}

// first is the one that has been running for longest; nil: none is late.
func (l *late) first() (first *run) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for r := range l.runs {
		if first == nil || r.since.Before(first.since) {
			first = r
		}
	}
	return first
}
