package simulate

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// delays remembers since when something has been able to happen.
type delays struct {
	now func() time.Time

	mu    sync.Mutex
	since map[types.UID]map[string]time.Time
}

func newDelays(now func() time.Time) *delays {
	return &delays{now: now, since: map[types.UID]map[string]time.Time{}}
}

// left is how much of a delay is still to come for one step of an object, counted from when it was asked for first. It is
// 0 when the step may happen.
func (d *delays) left(of types.UID, step string, delay time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since[of] == nil {
		d.since[of] = map[string]time.Time{}
	}
	start, asked := d.since[of][step]
	if !asked {
		start = d.now()
		d.since[of][step] = start
	}
	return max(0, delay-d.now().Sub(start))
}

// again starts a step anew: what it waited for has gone.
func (d *delays) again(of types.UID, step string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.since[of], step)
}

// forget drops an object for which nothing more is to come.
func (d *delays) forget(of types.UID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.since, of)
}
