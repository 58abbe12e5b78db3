package generate

import (
	"context"
	"errors"
	"fmt"
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
	// With the places of the queue it bounds how many run. 0: there is no limit.
	MaxOverdue int64

	running atomic.Int64
	overdue atomic.Int64
}

// Running is how many requests are being answered, and how many of them have held their place for too long.
func (l *Limited) Running() (all, overdue int64) { return l.running.Load(), l.overdue.Load() }

// crowded is an error where as many are overdue as may be.
func (l *Limited) crowded() error {
	if overdue := l.overdue.Load(); l.MaxOverdue > 0 && overdue >= l.MaxOverdue {
		return fmt.Errorf("%w: %d renders take too long already", ErrTooMuch, overdue)
	}
	return nil
}

// Generate waits for a place. A request whose context has ended by then is not begun, nor one before which too many have
// become overdue: those whose places the waiting get.
func (l *Limited) Generate(ctx context.Context, request Request) (Result, error) {
	if err := l.crowded(); err != nil {
		return Result{}, err
	}
	leave, err := l.Queue.Enter(ctx, request.Tenant, request.Asker)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	if err := l.crowded(); err != nil {
		return Result{}, err
	}
	l.running.Add(1)
	defer l.running.Add(-1)
	if l.Hold > 0 {
		timer := time.AfterFunc(l.Hold, func() {
			l.overdue.Add(1)
			leave()
		})
		defer func() {
			if !timer.Stop() {
				l.overdue.Add(-1)
			}
		}()
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	return l.Next.Generate(ctx, request)
}

// Escalating asks for a process where rendering in this one would be too much, or where renders that cannot be stopped
// already take more than their share.
type Escalating struct{ InProcess, InChild *Limited }

// Generate tries this process first.
func (e Escalating) Generate(ctx context.Context, request Request) (Result, error) {
	result, tooMuch := e.InProcess.Generate(ctx, request)
	if !errors.Is(tooMuch, ErrTooMuch) {
		return result, tooMuch
	}
	result, err := e.InChild.Generate(ctx, request)
	return result, render.Because(err, tooMuch)
}
