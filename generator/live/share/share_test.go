package share_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/generator/live/share"
)

func TestNobodyGetsWhatWasBegunBeforeTheyAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group share.Group[string, int64]
		var began atomic.Int64
		end := make(chan struct{})
		ask := func() int64 {
			value, err := group.Do(t.Context(), "key", time.Hour, func(context.Context) (int64, error) {
				at := began.Add(1)
				<-end
				return at, nil
			})
			if err != nil {
				t.Error(err)
			}
			return value
		}
		var all sync.WaitGroup
		all.Go(func() {
			if got := ask(); got != 1 {
				t.Errorf("the first one got piece %d", got)
			}
		})
		synctest.Wait()
		for range 200 {
			all.Go(func() {
				if got := ask(); got != 2 {
					t.Errorf("one who asked during the first piece of work got piece %d", got)
				}
			})
		}
		synctest.Wait()
		if began.Load() != 1 {
			t.Errorf("%d pieces of work at the same time", began.Load())
		}
		close(end)
		all.Wait()
		if began.Load() != 2 {
			t.Errorf("%d pieces of work for 201 who asked", began.Load())
		}
	})
}

func TestWorkGoesOnForThoseWhoStayWhenTheFirstOneLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group share.Group[int, string]
		leaves, leave := context.WithCancel(t.Context())
		end := make(chan struct{})
		work := func(ctx context.Context) (string, error) {
			<-end
			return "done", ctx.Err()
		}
		var all sync.WaitGroup
		all.Go(func() {
			_, _ = group.Do(t.Context(), 1, time.Hour, work)
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := group.Do(leaves, 1, time.Hour, work); !errors.Is(err, context.Canceled) {
				t.Errorf("%v for one who left", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if value, err := group.Do(t.Context(), 1, time.Hour, work); value != "done" || err != nil {
				t.Errorf("%q, %v for one who stayed", value, err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(end)
		all.Wait()
	})
}

func TestWorkThatHangsEndsAndThoseAfterItAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group share.Group[int, string]
		hang := func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := group.Do(t.Context(), 1, time.Minute, hang); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
		synctest.Wait()
		value, err := group.Do(t.Context(), 1, time.Minute, func(context.Context) (string, error) { return "done", nil })
		if value != "done" || err != nil {
			t.Errorf("%q, %v", value, err)
		}
		all.Wait()
	})
}

func TestAPanicIsAnErrorAndDoesNotEndTheProcess(t *testing.T) {
	var group share.Group[int, string]
	_, err := group.Do(t.Context(), 1, time.Minute, func(context.Context) (string, error) { panic("broken") })
	var panicked *share.PanicError
	if !errors.As(err, &panicked) || panicked.Cause != "broken" || len(panicked.Stack) == 0 {
		t.Errorf("%v", err)
	}
	if value, err := group.Do(t.Context(), 1, time.Minute, func(context.Context) (string, error) { return "done", nil }); value != "done" || err != nil {
		t.Errorf("then %q, %v", value, err)
	}
}
