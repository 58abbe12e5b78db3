package cmpserver

import (
	"testing"
	"time"
)

func TestTheSideDoorWaitsForNobodyForever(t *testing.T) {
	s := sideServer(nil)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 {
		t.Errorf("a limit is missing: header %v, read %v, write %v, idle %v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
	}
}

// TestAnAnswerHasTimeToReachArgoCD: Argo CD shows why a render failed only if it is told before its own time is up.
func TestAnAnswerHasTimeToReachArgoCD(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{
		time.Second:      100 * time.Millisecond,
		10 * time.Second: 500 * time.Millisecond,
		90 * time.Second: time.Second,
		time.Hour:        time.Second,
	} {
		if got := grace(wait); got != want {
			t.Errorf("of %v it leaves %v, want %v", wait, got, want)
		}
	}
}
