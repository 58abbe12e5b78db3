// Package share lets those who ask for the same thing at the same time share the work.
//
// It never gives anyone the result of work that began before they asked: what has changed since is not in it.
package share

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Group works for those who ask for the same key one piece after the other. Its zero value is ready.
type Group[K comparable, V any] struct {
	mu    sync.Mutex
	lines map[K]*line[V]
}

// line is a piece of work that has begun, and the one that those wait for who came since.
type line[V any] struct {
	next *piece[V]
}

type piece[V any] struct {
	work  func() (V, error)
	done  chan struct{}
	value V
	err   error
}

// Do works, or waits for work that begins after the call. The work goes on when those who wait for it leave, for at most
// the given time; it is given a context that ends then.
func (g *Group[K, V]) Do(ctx context.Context, key K, most time.Duration, work func(context.Context) (V, error)) (V, error) {
	bounded := func() (V, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
		defer cancel()
		return work(ctx)
	}
	p := g.join(key, bounded)
	select {
	case <-p.done:
		return p.value, p.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// join returns the piece of work that has not begun yet, or makes one, and begins it where none is under way.
func (g *Group[K, V]) join(key K, work func() (V, error)) *piece[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.lines[key]
	if at != nil && at.next != nil {
		return at.next
	}
	p := &piece[V]{work: work, done: make(chan struct{})}
	if at != nil {
		at.next = p
		return p
	}
	if g.lines == nil {
		g.lines = map[K]*line[V]{}
	}
	g.lines[key] = &line[V]{}
	go g.begin(key, p)
	return p
}

// begin does one piece of work after the other, until nobody has asked for more.
func (g *Group[K, V]) begin(key K, p *piece[V]) {
	for p != nil {
		p.run()
		g.mu.Lock()
		at := g.lines[key]
		if p, at.next = at.next, nil; p == nil {
			delete(g.lines, key)
		}
		g.mu.Unlock()
	}
}

// run works. A panic is an error of all who wait.
func (p *piece[V]) run() {
	defer close(p.done)
	defer Recover(&p.err)
	p.value, p.err = p.work()
}

// Recover, deferred, makes an error of a panic, which would end the process where nobody else recovers from it.
func Recover(err *error) {
	if cause := recover(); cause != nil {
		*err = &PanicError{Cause: cause, Stack: debug.Stack()}
	}
}

// PanicError is that the work has panicked.
type PanicError struct {
	Cause any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("the generator has failed: %v", e.Cause) }
