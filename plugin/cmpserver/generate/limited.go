package generate

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/plugin/render"
)

// Limited lets only as many requests through at once as its queue has places.
type Limited struct {
	Next  Generator
	Queue *Queue
	// Hold is how long a request may hold its place; then it goes on without one. A render in this process cannot be
	// stopped, and others shall not wait for it.
	Hold time.Duration
	// MaxOverdue is how many may have held their place for too long; while there are so many, all others are ErrTooMuch.
	// With the places of the queue it bounds how many run. An Application that held its place for too long before is
	// ErrTooMuch until Forget. 0: there is no limit, and nobody is ErrTooMuch.
	MaxOverdue int64
	// Patience is how long an Application may hold its place while others wait, if it held one for longer before and did not
	// come to an end: then it is stopped. It waits behind the others of its tenant. 0: nobody is stopped.
	Patience time.Duration
	// Quick is told of a request that was rendered within Patience. Nil: nobody wants to know.
	Quick func(Request)

	// slow are, with MaxOverdue, those who became overdue, and with Patience those who came to no end.
	slow    slow
	running atomic.Int64
	overdue overdue
}

// Running is how many requests are being answered, and how many of them have held their place for too long.
func (l *Limited) Running() (all, overdue int64) { return l.running.Load(), l.overdue.count() }

// EndlessError says that a request has been running for too long, and nobody waits for it any more.
type EndlessError struct {
	// Asker and Dir are those of the request.
	Asker, Dir string
	// Since is when that began.
	Since time.Time
}

func (e *EndlessError) Error() string {
	return fmt.Sprintf("a render that began at %s has not ended, and only a restart of this server stops it", e.Since.Format(time.RFC3339))
}

// Endless tells of a request that has been running for that long, and that nobody waits for any more; nil: there is none.
func (l *Limited) Endless(after time.Duration) *EndlessError {
	r := l.overdue.vain()
	if r == nil || time.Since(r.since) < after {
		return nil
	}
	return &EndlessError{Asker: r.asker, Dir: r.dir, Since: r.since}
}

// Forget forgets that a request's Application held its place for too long.
func (l *Limited) Forget(request Request) { l.slow.note(request, false) }

// crowded is an error where as many are overdue as may be, or the request is known to become overdue.
func (l *Limited) crowded(request Request) error {
	if l.MaxOverdue == 0 {
		return nil
	}
	if overdue := l.overdue.count(); overdue >= l.MaxOverdue {
		return fmt.Errorf("%w: %d renders take too long already", ErrTooMuch, overdue)
	}
	if l.slow.has(request) {
		return fmt.Errorf("%w: it took more than %v before", ErrTooMuch, l.Hold)
	}
	return nil
}

// Generate waits for a place. Whether too many are overdue is asked before and after: those that gave up their places to the
// waiting may be overdue now.
func (l *Limited) Generate(ctx context.Context, request Request) (Result, error) {
	if err := l.crowded(request); err != nil {
		return Result{}, err
	}
	slow := l.Patience > 0 && l.slow.has(request)
	enter := l.Queue.Enter
	if slow {
		enter = l.Queue.EnterLast
	}
	leave, err := enter(ctx, request.Tenant, request.Asker)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	if err := cmp.Or(ctx.Err(), l.crowded(request)); err != nil {
		return Result{}, err
	}
	defer l.begin(ctx, request, leave)()
	if l.Patience > 0 {
		return l.patiently(ctx, request, slow)
	}
	return l.Next.Generate(ctx, request)
}

// begin counts a request that has its place, until end. One that holds it for too long leaves it, and is remembered.
func (l *Limited) begin(ctx context.Context, request Request, leave func()) (end func()) {
	l.running.Add(1)
	if l.Hold == 0 {
		return func() { l.running.Add(-1) }
	}
	r := &run{ctx: ctx, asker: request.Asker, dir: request.Dir, since: time.Now()}
	timer := time.AfterFunc(l.Hold, func() {
		l.overdue.add(r)
		l.slow.note(request, true)
		leave()
	})
	return func() {
		l.running.Add(-1)
		if !timer.Stop() {
			l.overdue.end(r)
		}
	}
}

// patiently notes who is slow, and stops who was slow before while others wait.
func (l *Limited) patiently(ctx context.Context, request Request, slow bool) (Result, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	gaveWay := &GaveWayError{Dir: request.Dir, After: l.Patience}
	start := time.Now()
	if slow {
		go l.untilOthersWait(ctx, start, func() { stop(gaveWay) })
	}
	result, err := l.Next.Generate(ctx, request)
	endless := ctx.Err() != nil || render.IsStopped(err) // and not what is wrong with the files
	quick := time.Since(start) < l.Patience
	l.slow.note(request, err != nil && endless && !quick)
	if l.Quick != nil && err == nil && quick && result.From != FromCache {
		l.Quick(request)
	}
	if err != nil && context.Cause(ctx) == error(gaveWay) {
		return Result{}, gaveWay
	}
	return result, err
}

// untilOthersWait calls stop once patience is over and somebody waits, unless the context ends before.
func (l *Limited) untilOthersWait(ctx context.Context, start time.Time, stop func()) {
	check := time.NewTicker(l.Patience / 10)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-check.C:
			if now.Sub(start) >= l.Patience && l.Queue.Waits() {
				stop()
				return
			}
		}
	}
}

// GaveWayError says that a render was stopped because others waited.
type GaveWayError struct {
	Dir   string
	After time.Duration
}

func (e *GaveWayError) Error() string {
	return fmt.Sprintf("%s: rendering was stopped, it took more than %v while others waited, and did not come to an end before either; "+
		"divide what it renders", e.Dir, e.After)
}

// slow are Applications that held their place for long.
type slow struct {
	mutex sync.Mutex
	known map[[2]string]bool
}

// maxSlow is how many of them are remembered.
const maxSlow = 1000

func (s *slow) has(request Request) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.known[[2]string{request.Tenant, request.Asker}]
}

func (s *slow) note(request Request, isSlow bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	key := [2]string{request.Tenant, request.Asker}
	if !isSlow {
		delete(s.known, key)
		return
	}
	if s.known == nil || len(s.known) >= maxSlow {
		s.known = map[[2]string]bool{}
	}
	s.known[key] = true
}
