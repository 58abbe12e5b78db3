package cmpserver

import (
	"context"
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
		time.Millisecond: 100 * time.Millisecond,
		time.Second:      100 * time.Millisecond,
		10 * time.Second: 500 * time.Millisecond,
		90 * time.Second: time.Second,
		time.Hour:        time.Second,
	} {
		if got := grace(wait); got != want {
			t.Errorf("of %v it leaves %v, want %v", wait, got, want)
		}
	}
	client, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	ours, end := New(Options{}).begin(client)
	defer end()
	want, _ := client.Deadline()
	if got, _ := ours.Deadline(); want.Sub(got) != maxGrace {
		t.Errorf("it gives up %v before its client", want.Sub(got))
	}
}
