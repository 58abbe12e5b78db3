package cmpserver_test

import (
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

func TestTheMemoryThatARefusalNamesIsEnough(t *testing.T) {
	for _, archive := range []int64{1, 1 << 20, 300<<20 + 1, 5 << 30} {
		if got := cmpserver.Divide(cmpserver.MemoryFor(archive)).Streams; got < archive {
			t.Errorf("an archive of %d bytes is refused with the memory that was asked for it: %d are for archives", archive, got)
		}
	}
	if got := cmpserver.MemoryFor(1 << 62); got < 1<<62 {
		t.Errorf("%d bytes for what cannot fit", got)
	}
}
