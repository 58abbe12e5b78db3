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
	stack, err := controlplane.New(t.Context(), options)
	if stack != nil {
		t.Cleanup(func() { stop(t, stack) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return &suite{T: t, Stack: stack}
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
}

// patience is how long a condition may take to hold, on a busy machine.
const patience = 2 * time.Minute

// until waits until a condition holds, and fails the test when it does not.
func (s *suite) until(what string, condition func(context.Context) error) {
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
