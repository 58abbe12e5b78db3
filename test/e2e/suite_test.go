//go:build e2e

package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/tidegate/tidegate/test/controlplane"
)

// start starts a control plane for one test, and ends it with it. When the test fails, what the servers complained of is
// shown, and their files are kept.
func start(t *testing.T, options controlplane.Options) *suite {
	t.Helper()
	options.Progress = os.Stderr
	s := newSuite(t, nil)
	stack, err := controlplane.New(s.Context(), options)
	if stack != nil {
		t.Cleanup(func() { stop(t, stack) })
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Stack = stack
	return s
}

func stop(t *testing.T, stack *controlplane.Stack) {
	if err := stack.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("%s\nall logs: %s/logs", stack.Logs(), stack.Dir)
		return
	}
	if err := stack.Remove(); err != nil {
		t.Error(err)
	}
}

// suite is a test on a control plane.
type suite struct {
	*testing.T
	*controlplane.Stack
	// ctx ends with the test, and early enough to say what was missing when go test's -timeout is near.
	ctx context.Context
}

// newSuite is a test, or a part of one, on a control plane.
func newSuite(t *testing.T, stack *controlplane.Stack) *suite {
	s := &suite{T: t, Stack: stack, ctx: t.Context()}
	if timeout, limited := t.Deadline(); limited {
		ctx, cancel := controlplane.BeforeTimeout(t.Context(), timeout)
		t.Cleanup(cancel)
		s.ctx = ctx
	}
	return s
}

// Context is that of the test.
func (s *suite) Context() context.Context { return s.ctx }

// Run runs a part of the test. When it fails, logs are shown from its beginning on.
func (s *suite) Run(name string, part func(*testing.T)) bool {
	s.Helper()
	end := s.Part()
	passed := s.T.Run(name, part)
	if passed {
		end()
	}
	return passed
}

// patience is how long a condition may take to hold, on a busy machine.
const patience = 3 * time.Minute

// until waits until a condition holds, and fails the test when it does not.
func (s *suite) until(what string, condition func(context.Context) error) {
	s.Helper()
	s.untilWithin(patience, what, condition)
}

// untilWithin waits with another patience.
func (s *suite) untilWithin(patience time.Duration, what string, condition func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if err := s.Until(ctx, what, condition); err != nil {
		s.Fatal(err)
	}
}

// must fails the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
