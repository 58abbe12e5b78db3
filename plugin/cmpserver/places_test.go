package cmpserver

import (
	"context"
	"testing"
	"time"
)

// TestRendersAreNotMoreThanThereIsMemoryFor: a container without a limit of CPU sees all cores of its node.
func TestRendersAreNotMoreThanThereIsMemoryFor(t *testing.T) {
	for _, test := range []struct {
		cores   int
		renders int64
		want    int
	}{
		{2, Divide(512 * mib).Renders, 2},
		{64, Divide(512 * mib).Renders, 12},
		{64, Divide(8 << 30).Renders, 64},
		{64, 1, 1},
		{64, 0, 64},
	} {
		if got := places(test.cores, test.renders); got != test.want {
			t.Errorf("%d at once on %d cores with %d MiB, want %d", got, test.cores, test.renders/mib, test.want)
		}
	}
	server := New(Options{Budget: Budget{Store: mib, Streams: mib, Tree: mib, Renders: renderBytes, Child: mib, Children: 1}})
	leave, err := server.trees.queue.Enter(t.Context(), "a", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := server.trees.queue.Enter(ctx, "b", "b"); err == nil {
		t.Error("the server has more places than memory for renders")
	}
}
