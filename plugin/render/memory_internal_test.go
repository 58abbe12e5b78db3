package render

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAnAnswerWaitsForTheMemoryOfOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	memory := NewMemory(2<<20, 1)
	json := []byte("[" + strings.Repeat("1,", 4000) + "1]")
	leave, err := memory.admit(ctx, ".", json)
	if err != nil {
		t.Fatal(err)
	}
	second, third := make(chan error, 1), make(chan error, 1)
	admit := func(ctx context.Context, answered chan error) {
		leave, err := memory.admit(ctx, ".", []byte("["+strings.Repeat("1,", 8000)+"1]"))
		if err == nil {
			leave()
		}
		answered <- err
	}
	go admit(ctx, second)
	gone, stop := context.WithCancel(ctx)
	go admit(gone, third)
	for memory.shared.TryAcquire(0) { // which fails when somebody waits
		if ctx.Err() != nil {
			t.Fatal("nobody waits")
		}
		runtime.Gosched()
	}
	stop()
	if err := <-third; !errors.Is(err, context.Canceled) {
		t.Errorf("who is gone gets %v", err)
	}
	leave()
	if err := <-second; err != nil {
		t.Errorf("with memory again it gets %v", err)
	}
}

func TestAChildCollectsBeforeItsDataIsFull(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct{ data, want int64 }{
		{24, math.MaxInt64 / mib}, {96, 56}, {159, 56}, {160, 120}, {192, 120}, {256, 184}, {1024, 952},
	} {
		if got := childHeap(uint64(test.data)*mib) / mib; got != test.want {
			t.Errorf("of %d MiB of data its heap may take %d, want %d", test.data, got, test.want)
		}
	}
	if got := childHeap(math.MaxUint64); got <= 0 {
		t.Errorf("without end it is %d", got)
	}
}
