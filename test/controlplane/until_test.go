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
	for takes, most := range map[time.Duration]int{0: 600, 100 * time.Millisecond: 100, time.Second: 30} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			tries := 0
			err := Until(ctx, "anything", func(context.Context) error {
				tries++
				time.Sleep(takes)
				return errors.New("not yet")
			})
			if err == nil || tries > most+1 || tries < most-1 {
				t.Errorf("of a condition that takes %s there were %d tries in a minute (%v), want some %d", takes, tries, err, most)
			}
		})
	}
}
