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

	"github.com/tidegate/tidegate/plugin/manifest"
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

// pipes are what a child says and hears, and how the talk ends.
type pipes struct {
	*talk
	says  *gob.Encoder
	hears *gob.Decoder
	ended chan struct{}
	done  *outcome
	err   error
}

// listen takes the order and leaves the rest to the test.
func listen(t *testing.T, memory *Memory) *pipes {
	t.Helper()
	orders, to := io.Pipe()
	from, asks := io.Pipe()
	p := &pipes{
		talk: &talk{answers: memory, leave: func() {}}, says: gob.NewEncoder(asks), hears: gob.NewDecoder(orders), ended: make(chan struct{}),
	}
	go func() {
		defer close(p.ended)
		p.done, p.err = p.with(t.Context(), &process{to: to, from: from})
	}()
	if err := p.hears.Decode(&order{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// What a child answers is in this process's memory as soon as it is sent, so the child has to ask before.
func TestAChildSendsItsAnswerOnlyOnceThereIsRoom(t *testing.T) {
	memory := NewMemory(2<<20, 1)
	leave, err := memory.admit(t.Context(), ".", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	child := listen(t, memory)
	answered := make(chan error, 1)
	go func() {
		err := child.says.Encode(ask{Op: opRoom, Room: 1 << 20})
		answered <- errors.Join(err, child.hears.Decode(&answer{}))
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
	if err := child.says.Encode(ask{Outcome: &outcome{Namespace: "sent"}}); err != nil {
		t.Fatal(err)
	}
	if <-child.ended; child.err != nil || child.done.Namespace != "sent" {
		t.Errorf("got %+v, %v", child.done, child.err)
	}
	if child.leave(); !memory.shared.TryAcquire(1 << 20) {
		t.Error("its room was not given back")
	}
}

func TestAChildGetsNoRoomButWhatItsAnswerTakes(t *testing.T) {
	room := func(bytes int64) ask { return ask{Op: opRoom, Room: bytes} }
	list := []byte(`[{"a":1}]`)
	for _, test := range []struct {
		name string
		asks []ask // all but the last are answered
		want string
	}{
		{"room twice", []ask{room(1000), room(1000)}, "it asked for room of 1000 bytes, after 1000"},
		{"less than none", []ask{room(-1000)}, "it asked for room of -1000 bytes, after 0"},
		{"none", []ask{room(0)}, "it asked for room of 0 bytes, after 0"},
		{"an answer without room", []ask{{Outcome: &outcome{JSON: list}}}, "what it sent takes 402 bytes, and it asked for room of 0"},
		{"an answer of more", []ask{room(401), {Outcome: &outcome{JSON: list}}}, "what it sent takes 402 bytes, and it asked for room of 401"},
		{"an answer of as much", []ask{room(402), {Outcome: &outcome{JSON: list}}}, ""},
		{"an error", []ask{{Outcome: &outcome{Err: "broken"}}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			memory := NewMemory(2<<20, 1)
			child := listen(t, memory)
			for i, a := range test.asks {
				if err := child.says.Encode(a); err != nil {
					t.Fatal(err)
				}
				if i == len(test.asks)-1 {
					break
				}
				if err := child.hears.Decode(&answer{}); err != nil {
					t.Fatal(err)
				}
			}
			go func() { _ = child.hears.Decode(&answer{}) }() // in vain
			if test.want == "" {
				if <-child.ended; child.err != nil || child.done == nil {
					t.Fatalf("got %+v, %v", child.done, child.err)
				}
			} else {
				select {
				case <-child.ended:
				case <-time.After(time.Minute):
					t.Fatal("it goes on")
				}
				if child.done != nil || child.err == nil || child.err.Error() != test.want {
					t.Errorf("got %+v, %v, want %s", child.done, child.err, test.want)
				}
			}
			child.leave()
			if !memory.shared.TryAcquire(1<<20) || memory.shared.TryAcquire(1) {
				t.Error("there is more or less room than before")
			}
		})
	}
}

func TestAnAnswerThatCannotBeReadTakesNoRoom(t *testing.T) {
	for name, parse := range map[string]func([]byte) ([]manifest.Object, error){
		"an error": func([]byte) ([]manifest.Object, error) { return nil, errors.New("no such thing") },
		"a panic":  func([]byte) ([]manifest.Object, error) { panic("no such thing") },
	} {
		t.Run(name, func(t *testing.T) {
			left := 0
			func() {
				defer func() { _ = recover() }()
				if result, err := (&outcome{}).result(parse, func() { left++ }); err == nil {
					t.Errorf("got %+v", result)
				}
			}()
			if left != 1 {
				t.Errorf("its room was given back %d times", left)
			}
		})
	}
}
