package generate

import (
	"context"
	"errors"
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
	Hold    time.Duration
	running atomic.Int64
	overdue atomic.Int64
}

// Running is how many requests are being answered, and how many of them have held their place for too long.
func (l *Limited) Running() (all, overdue int64) { return l.running.Load(), l.overdue.Load() }

// Generate waits for a place. A request whose context has ended by then is not begun.
func (l *Limited) Generate(ctx context.Context, request Request) (Result, error) {
	leave, err := l.Queue.Enter(ctx, request.Tenant, request.Asker)
	if err != nil {
		return Result{}, err
	}
	defer leave()
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
type Escalating struct {
	InProcess, InChild *Limited
	// MaxOverdue is how many overdue renders are tolerated in this process.
	MaxOverdue int64
}

// Generate tries this process first.
func (e Escalating) Generate(ctx context.Context, request Request) (Result, error) {
	var tooMuch error
	if _, overdue := e.InProcess.Running(); overdue < e.MaxOverdue {
		result, err := e.InProcess.Generate(ctx, request)
		if !errors.Is(err, ErrTooMuch) {
			return result, err
		}
		tooMuch = err
	}
	result, err := e.InChild.Generate(ctx, request)
	return result, render.Because(err, tooMuch)
}
