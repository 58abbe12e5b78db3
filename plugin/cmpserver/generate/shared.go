package generate

import (
	"context"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
)

// Shared makes one request of simultaneous equal ones.
type Shared struct {
	next    Generator
	mutex   sync.Mutex
	flights map[flightKey]*flight
}

// NewShared shares what next is asked.
func NewShared(next Generator) *Shared {
	return &Shared{next: next, flights: map[flightKey]*flight{}}
}

type flightKey struct{ request, tree archive.Hash }

// flight is a request that is being answered. It ends early when nobody waits for it any more.
type flight struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	result  Result
	err     error
	// tooMuch is why the request is rendered in a process of its own, once it is.
	tooMuch atomic.Pointer[error]
}

// LateError says that a render in a process of its own had not come to an end when nobody waited any longer, and why it was
// rendered there.
type LateError struct {
	Reason string
	cause  error // the context's
}

func (e *LateError) Unwrap() error { return e.cause }

func (e *LateError) Error() string { return e.cause.Error() + "; " + e.Reason }

// late adds to the error of a context why the flight takes long, as far as that is known.
func (f *flight) late(err error) error {
	tooMuch := f.tooMuch.Load()
	if tooMuch == nil {
		return err
	}
	return &LateError{Reason: strings.TrimPrefix((*tooMuch).Error(), ErrTooMuch.Error()+": "), cause: err}
}

// Generate joins an equal request or makes one. It returns when the answer is there or the context ends.
func (s *Shared) Generate(ctx context.Context, request Request) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	hash, err := request.key(slices.Collect(maps.Keys(request.Settings.Substitutions)))
	if err != nil {
		return Result{}, err
	}
	key := flightKey{hash, request.Tree.Hash()}
	f, joined := s.join(ctx, key, request)
	select {
	case <-f.done:
		if joined && f.err == nil {
			return Result{f.result.Manifests, FromFlight}, nil
		}
		return f.result, f.err
	case <-ctx.Done():
		s.leave(key, f)
		return Result{}, f.late(ctx.Err())
	}
}

func (s *Shared) join(ctx context.Context, key flightKey, request Request) (f *flight, joined bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if f := s.flights[key]; f != nil {
		f.waiting++
		return f, true
	}
	// The flight outlives the request that made it if others have joined.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f = &flight{waiting: 1, cancel: cancel, done: make(chan struct{})}
	s.flights[key] = f
	request.escalated = func(tooMuch error) { f.tooMuch.Store(&tooMuch) }
	release := func() {}
	if request.Hold != nil {
		release = request.Hold()
	}
	go s.fly(ctx, key, f, request, release)
	return f, false
}

// fly answers the request. A render in this process may go on for a while after everybody has left, with the tree in use.
func (s *Shared) fly(ctx context.Context, key flightKey, f *flight, request Request, release func()) {
	defer release()
	defer func() {
		if p := recover(); p != nil {
			f.result, f.err = Result{}, &PanicError{Dir: request.Dir, Value: p, Stack: debug.Stack()}
		}
		s.mutex.Lock()
		s.remove(key, f)
		s.mutex.Unlock()
		f.cancel()
		close(f.done)
	}()
	f.result, f.err = s.next.Generate(ctx, request)
}

// leave gives a flight up that nobody waits for any more. Who asks for the same now gets a new one.
func (s *Shared) leave(key flightKey, f *flight) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		s.remove(key, f)
	}
}

func (s *Shared) remove(key flightKey, f *flight) {
	if s.flights[key] == f {
		delete(s.flights, key)
	}
}
