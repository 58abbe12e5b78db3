package controlplane

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasMissingIsSaidBeforeGoTestEndsEverything(t *testing.T) {
	ctx, cancel := BeforeTimeout(t.Context(), time.Now().Add(reserve))
	defer cancel()
	ctx, end := context.WithTimeout(ctx, time.Hour)
	defer end()
	err := Until(ctx, "the rollout is done", func(context.Context) error { return errors.New("1 of 2 pods") })
	for _, want := range []string{"the rollout is done: not within", "go test's -timeout is near", "1 of 2 pods"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v, not %q", err, want)
		}
	}
}

func TestAConditionThatTakesLongIsTriedLessOften(t *testing.T) {
	for _, c := range []struct {
		takes, within time.Duration
		most          int
	}{
		{0, time.Second, 11}, {0, time.Minute, 110}, {50 * time.Millisecond, time.Second, 4}, {time.Second, time.Minute, 31},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			defer cancel()
			tries := 0
			err := Until(ctx, "anything", func(context.Context) error {
				tries++
				time.Sleep(c.takes)
				return errors.New("not yet")
			})
			if err == nil || tries > c.most || tries < c.most*3/4 {
				t.Errorf("of what takes %s there were %d tries within %s (%v), want some %d", c.takes, tries, c.within, err, c.most)
			}
		})
	}
}
