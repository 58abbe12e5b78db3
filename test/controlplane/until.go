package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// pollInterval is how long after a try the next one comes, at the earliest: what waits shall not take the processor from what
// is waited for.
const (
	pollInterval    = 100 * time.Millisecond
	maxPollInterval = time.Second
	// pollPause is how many times as long as a try the pause after it is, and pollShare which part of all the time until then.
	pollPause = 5
	pollShare = 20
)

func pauseAfter(try, all time.Duration) time.Duration {
	return min(max(pollInterval, pollPause*try, all/pollShare), maxPollInterval)
}

// never is a condition that cannot come to hold any more.
type never struct{ error }

// Never makes Until give up at once.
func Never(err error) error { return never{err} }

// reserve is how much of its time a test keeps to say what was missing, to stop its servers and to show their logs: go test
// just ends it.
const reserve = 30 * time.Second

var errTimeout = errors.New("go test's -timeout is near")

// BeforeTimeout ends a context before go test ends a test.
func BeforeTimeout(ctx context.Context, timeout time.Time) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, timeout.Add(-reserve), errTimeout)
}

// Until tries a condition until it holds: until it returns nil. The error of the last try tells what was missing.
func Until(ctx context.Context, what string, condition func(context.Context) error) error {
	start := time.Now()
	var missing error
	for {
		tried := time.Now()
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// What a cancelled request says is not what was missing, nor that there is no time for another one.
		if missing == nil || ctx.Err() == nil && !strings.Contains(err.Error(), "would exceed context deadline") {
			missing = err
		}
		var final never
		if errors.As(missing, &final) {
			return fmt.Errorf("%s: will not be: %w", what, final.error)
		}
		select {
		case <-ctx.Done():
			limit := time.Since(start).Round(100 * time.Millisecond).String()
			if errors.Is(context.Cause(ctx), errTimeout) {
				limit += ", and " + errTimeout.Error()
			}
			return fmt.Errorf("%s: not within %s: %w", what, limit, missing)
		case <-time.After(pauseAfter(time.Since(tried), time.Since(start))):
		}
	}
}
