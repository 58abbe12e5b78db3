package cmpserver

import (
	"bytes"
	"testing"
)

func TestArchivesOfSomeSizesShareTheirMemory(t *testing.T) {
	const kib = 1 << 10
	for size, want := range map[int64]int64{
		0: 0, 1: 1, 32 * kib: 32 * kib, 32*kib + 1: 64 * kib, 64 * kib: 64 * kib, 64*kib + 1: 128 * kib,
		256*kib - 1: 256 * kib, 256 * kib: 256 * kib, 256*kib + 1: 256*kib + 1, 5 << 30: 5 << 30,
	} {
		if got := bufferBytes(size); got != want {
			t.Errorf("%d bytes take %d, want %d", size, got, want)
		}
	}
	for _, budget := range []int64{100 * kib, 1 << 30} { // in the first one there is no room for a power of two
		r := &receiver{server: New(Options{Budget: Budget{Store: mib, Streams: budget, Tree: mib, Child: mib, Children: 1}})}
		buffer, free, err := r.reserve(t.Context(), 70*kib, "a")
		if err != nil {
			t.Fatal(err)
		}
		if counted := budget - r.server.streams.free; int64(buffer.Cap()) != counted || counted < 70*kib {
			t.Errorf("of %d bytes it counts %d and takes %d", budget, counted, buffer.Cap())
		}
		free()
		if r.server.streams.free != budget {
			t.Errorf("of %d bytes %d are left", budget, r.server.streams.free)
		}
	}
}

// TestMemoryIsGivenBackOnce: two archives would be received into it.
func TestMemoryIsGivenBackOnce(t *testing.T) {
	r := &receiver{server: New(Options{})}
	reserve := func() (*bytes.Buffer, func()) {
		buffer, free, err := r.reserve(t.Context(), reusedTo, "a")
		if err != nil {
			t.Fatal(err)
		}
		return buffer, free
	}
	for range 50 { // what is given back is not always kept
		_, free := reserve()
		free()
		free()
		one, freeOne := reserve()
		other, freeOther := reserve()
		if one == other {
			t.Fatal("two archives have the same memory")
		}
		freeOne()
		freeOther()
	}
}
