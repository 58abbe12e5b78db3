package controlplane

import (
	"context"
	"errors"
	"strings"
	"testing"
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
