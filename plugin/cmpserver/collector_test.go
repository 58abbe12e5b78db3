package cmpserver

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheMemoryLimitGivesWayToWhatIsInUse(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	LimitMemory(64*mib, 512*mib)
	defer LimitMemory(before, math.MaxInt64) // which no use of memory changes
	held := make([]byte, 200*mib)
	wait := func(what string, holds func(limit int64) bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !holds(debug.SetMemoryLimit(-1)); runtime.GC() {
			if time.Now().After(deadline) {
				t.Fatalf("the limit is %d MiB %s", debug.SetMemoryLimit(-1)>>20, what)
			}
		}
	}
	wait("with 200 MiB in use", func(limit int64) bool { return limit >= 400*mib && limit <= 512*mib })
	runtime.KeepAlive(held)
	held = nil
	wait("when they are not in use any more", func(limit int64) bool { return limit < 128*mib })
}

func TestTheMemoryLimitStaysBelowTheBudget(t *testing.T) {
	for _, test := range []struct{ inUse, want int64 }{{10, 128}, {64, 128}, {100, 200}, {101, 208}, {200, 312}, {400, 312}} {
		if got := limitFor(test.inUse*mib, 128*mib, 312*mib) / mib; got != test.want {
			t.Errorf("with %d in use the limit is %d, want %d", test.inUse, got, test.want)
		}
	}
}
