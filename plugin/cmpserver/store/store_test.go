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
