package generate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
)

// leaving is the context of a client that goes away when it has been looked at once: as it enters the queue.
type leaving struct {
	context.Context
	looked bool
}

func (l *leaving) Err() error {
	if l.looked {
		return context.Canceled
	}
	l.looked = true
	return nil
}

// asked is a generator that counts how often it was asked.
type asked int

func (a *asked) Generate(context.Context, generate.Request) (generate.Result, error) {
	*a++
	return generate.Result{}, nil
}

func TestNothingIsRenderedForAClientThatWentAwayWhileItWaited(t *testing.T) {
	var next asked
	limited := &generate.Limited{Next: &next, Queue: generate.NewQueue(1)}
	_, err := limited.Generate(&leaving{Context: t.Context()}, generate.Request{})
	if !errors.Is(err, context.Canceled) || next != 0 {
		t.Errorf("got %v; %d renders were begun", err, next)
	}
	// Its place is free again.
	if _, err := limited.Generate(t.Context(), generate.Request{}); err != nil || next != 1 {
		t.Errorf("the next one got %v; %d renders were begun", err, next)
	}
	if all, _ := limited.Running(); all != 0 {
		t.Errorf("%d run", all)
	}
}
