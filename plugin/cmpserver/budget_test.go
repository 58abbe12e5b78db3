package cmpserver_test

import (
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

func TestWhatIsDividedIsNotMoreThanThereIs(t *testing.T) {
	const mib = 1 << 20
	before := cmpserver.Budget{}
	for memory := int64(64 * mib); memory <= 4<<30; memory += 8 * mib {
		b := cmpserver.Divide(memory)
		own := b.Store + b.Streams + b.Tree + b.Renders
		children := b.Child * int64(b.Children)
		switch left := memory - own - children; {
		case left < 32*mib:
			t.Errorf("of %d MiB, %d are left for the program itself", memory/mib, left/mib)
		case b.Most < own+16*mib || b.Most > memory-children:
			t.Errorf("of %d MiB, %d may be in use, and Go takes up to %d beside children of %d", memory/mib, own/mib, b.Most/mib, children/mib)
		case b.Soft > b.Most || b.Soft < memory/8:
			t.Errorf("of %d MiB, Go takes %d before it collects more often, and at most %d", memory/mib, b.Soft/mib, b.Most/mib)
		case min(b.Store, b.Streams, b.Tree, b.Renders, b.Child, int64(b.Children)) <= 0:
			t.Errorf("of %d MiB something gets nothing: %+v", memory/mib, b)
		case b.Store < before.Store || b.Streams < before.Streams || b.Tree < before.Tree || b.Renders < before.Renders || b.Child < before.Child:
			t.Errorf("of %d MiB something gets less than of %d: %+v", memory/mib, memory/mib-8, b)
		}
		before = b
	}
	if b := cmpserver.Divide(512 * mib); b.Streams != 64*mib || b.Tree*2/3 != 64*mib {
		t.Errorf("512 MiB have room for an archive of %d MiB and contents of %d, not 64 as the documents say", b.Streams/mib, b.Tree*2/3/mib)
	}
}

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
