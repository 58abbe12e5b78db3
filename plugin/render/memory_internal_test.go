package render

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
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
	leave, err := memory.admit(ctx, ".", roomFor(json))
	if err != nil {
		t.Fatal(err)
	}
	second, third := make(chan error, 1), make(chan error, 1)
	admit := func(ctx context.Context, answered chan error) {
		leave, err := memory.admit(ctx, ".", roomFor([]byte("["+strings.Repeat("1,", 8000)+"1]")))
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

// What a child answers is in this process's memory as soon as it is sent, so the child has to ask before.
func TestAChildSendsItsAnswerOnlyOnceThereIsRoom(t *testing.T) {
	orders, to := io.Pipe()
	from, asks := io.Pipe()
	memory := NewMemory(2<<20, 1)
	leave, err := memory.admit(t.Context(), ".", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	type end struct {
		outcome *outcome
		err     error
	}
	ended := make(chan end, 1)
	talk := talk{answers: memory}
	go func() {
		outcome, err := talk.with(t.Context(), &process{to: to, from: from})
		ended <- end{outcome, err}
	}()
	child, answers := &remote{encoder: gob.NewEncoder(asks), answers: make(chan answer)}, gob.NewDecoder(orders)
	if err := answers.Decode(&order{}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		err := child.encoder.Encode(ask{Op: opRoom, Room: 1 << 20})
		answered <- errors.Join(err, answers.Decode(&answer{}))
	}()
	for memory.shared.TryAcquire(0) { // which fails when somebody waits
		select {
		case err := <-answered:
			t.Fatalf("it was let in beside another: %v", err)
		default:
			runtime.Gosched()
		}
	}
	leave()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if err := child.encoder.Encode(ask{Outcome: &outcome{Namespace: "sent"}}); err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.err != nil || got.outcome.Namespace != "sent" {
		t.Errorf("got %+v, %v", got.outcome, got.err)
	}
	if talk.leave(); !memory.shared.TryAcquire(1 << 20) {
		t.Error("its room was not given back")
	}
}
