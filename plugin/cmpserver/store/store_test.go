package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

func TestMemoryStaysWithinItsBudget(t *testing.T) {
	s := store.New(100 << 10)
	for i := range 10_000 {
		s.Put(i, "x", int64(i%977)*10, time.Duration(i%13)*time.Millisecond)
		if s.Bytes() > 100<<10 {
			t.Fatalf("%d bytes after %d values", s.Bytes(), i+1)
		}
	}
	s.Put("large", "x", 60<<10, time.Hour)
	if _, ok := s.Get("large"); ok || s.Takes(60<<10) {
		t.Error("one value took more than half of the room")
	}
	s.Put("half", "x", 49<<10, time.Hour)
	if _, ok := s.Get("half"); !ok || !s.Takes(49<<10) {
		t.Error("one value that takes less than half of the room is not kept")
	}
}

func TestWhatWasDearToMakeOutlivesWhatWasCheap(t *testing.T) {
	s := store.New(100 << 10)
	s.Put("render", "x", 1<<10, 10*time.Millisecond)
	for i := range 20 {
		s.Put(fmt.Sprint("tree ", i), "x", 40<<10, 10*time.Millisecond)
	}
	if _, ok := s.Get("render"); !ok {
		t.Error("a render went before a tree of the same cost and forty times its size")
	}
	if _, ok := s.Get("tree 19"); !ok {
		t.Error("the newest tree is gone")
	}
	if _, ok := s.Get("tree 0"); ok {
		t.Error("the oldest tree is still there")
	}
}

func TestWhatNobodyAsksForGoesInTheEnd(t *testing.T) {
	s := store.New(100 << 10)
	s.Put("dear", "x", 1<<10, time.Second)
	for i := range 10_000 {
		s.Put(i, "x", 20<<10, time.Second)
	}
	if _, ok := s.Get("dear"); ok {
		t.Error("it is kept for ever")
	}
}

func TestAValueIsReplacedNotKeptTwice(t *testing.T) {
	s := store.New(100 << 10)
	for i := range 100 {
		s.Put("k", i, 1<<10, time.Second)
	}
	if v, _ := s.Get("k"); v != 99 || s.Bytes() > 2<<10 {
		t.Errorf("value %v, %d bytes", v, s.Bytes())
	}
}

// large is a value of which a tenth stays.
type large int64

func (l large) Shrunk() (any, int64) { return "what stays", int64(l) / 10 }

func TestOfWhatThereIsNoRoomForStaysWhatItNamesAsSmaller(t *testing.T) {
	s := store.New(100 << 10)
	for i := range 20 {
		s.Put(i, large(20<<10), 20<<10, time.Second)
		if s.Bytes() > 100<<10 {
			t.Fatalf("%d bytes after %d values", s.Bytes(), i+1)
		}
	}
	whole, shrunk := 0, 0
	for i := range 20 {
		switch value, _ := s.Get(i); value {
		case large(20 << 10):
			whole++
		case "what stays":
			shrunk++
		}
	}
	// 20 of 2 KiB, and one or two of 20.
	if whole+shrunk < 20 || whole == 0 {
		t.Errorf("of 20 values %d are whole and something stays of %d", whole, shrunk)
	}
	if dropped := s.Dropped(); dropped != int64(shrunk)*(18<<10) {
		t.Errorf("%d bytes are said to have gone", dropped)
	}
	for i := range 10_000 {
		s.Put("later"+fmt.Sprint(i), "x", 20<<10, time.Minute)
	}
	if _, ok := s.Get(0); ok {
		t.Error("what stays is kept for ever")
	}
}
