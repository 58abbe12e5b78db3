package cmpserver

import (
	"context"
	"errors"
	"testing"
)

// TestAClientIsWatchedAfterAnyErrorButAWaitInVain: after another error it still has to send what is to be received, and
// may stall.
func TestAClientIsWatchedAfterAnyErrorButAWaitInVain(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want bool // not watched
	}{
		{"none", nil, false},
		{"another", errors.New("another"), false},
		{"no room", noRoom(errors.New("another")), true},
		{"its time is over", context.DeadlineExceeded, true},
		{"nobody waits for it any more", context.Canceled, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &receiver{}
			r.wait()(&test.err)
			if got := r.waiting.Load(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if progress := r.progress.Load() > 0; progress == test.want {
				t.Errorf("its time begins now: %v", progress)
			}
		})
	}
}
