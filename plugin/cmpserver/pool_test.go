package cmpserver

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestATenantWhoseRendersTakeForEverLeavesRoomToOthers(t *testing.T) {
	const clients = 60
	for name, size := range map[string]int64{"small trees": 400 << 10, "large trees": mib} {
		t.Run(name, func(t *testing.T) {
			trees, _ := bench(12*mib, 0)
			ctx, cancel := context.WithCancel(t.Context())
			var served atomic.Int64
			ended := make(chan struct{}, clients)
			for i := range clients {
				hostile := packed(t, fmt.Sprint("hostile", i), size, time.Time{})
				go func() {
					if _, release, err := trees.unpack(ctx, hostile.checksum, hostile.content, asker{tenant: "hostile"}); err == nil {
						served.Add(1)
						<-ctx.Done()
						release()
					}
					ended <- struct{}{}
				}()
			}
			for deadline := time.Now().Add(3 * time.Minute); int(served.Load())+trees.rooms.main.waiting()+trees.rooms.nook.waiting() < clients; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatal("after 3 minutes, not all are served or wait")
				}
			}
			for what, size := range map[string]int64{"small": 1, "large": mib} {
				modest := packed(t, what, size, time.Time{})
				within, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				_, release, err := trees.unpack(within, modest.checksum, modest.content, asker{tenant: "modest"})
				cancel()
				if err != nil {
					t.Errorf("there is no room for the %s tree of another tenant: %v", what, err)
					continue
				}
				release()
			}
			cancel()
			for range clients {
				<-ended
			}
			trees.rooms.main.reclaim() // what the store, which takes nothing, would have kept
			if trees.rooms.main.left() != 10*mib || trees.rooms.nook.left() != 2*mib || len(trees.rooms.main.has)+len(trees.rooms.nook.has) > 0 {
				t.Error("room is left set aside")
			}
		})
	}
}

func (s *pool) waiting() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.line)
}

func TestWhoGivesRoomBackIsNotTheNextWhoTakesIt(t *testing.T) {
	s := newPool(10, 8)
	if !s.tryAcquire("hostile", 8) || s.tryAcquire("hostile", 1) {
		t.Fatal("the part of one is not 8 of 10")
	}
	again, other := s.stand("hostile", 8), s.stand("modest", 8)
	s.release("hostile", 8)
	if s.giveUp(other) {
		t.Error("who waited behind another request of the same tenant still waits")
	}
	s.release("modest", 8)
	if s.giveUp(again) {
		t.Error("and then its turn does not come")
	}
	s.release("hostile", 8)
	if s.left() != 10 {
		t.Errorf("%d of 10 are left", s.left())
	}
}

func TestOneRequestMayTakeMoreThanAPart(t *testing.T) {
	s := newPool(10, 5)
	if !s.tryAcquire("a", 9) || s.tryAcquire("a", 1) || !s.tryAcquire("b", 1) {
		t.Error("who has nothing gets what there is, and then nothing more")
	}
}

func TestWhoGivesUpLetsOthersPass(t *testing.T) {
	s := newPool(10, 10)
	if !s.tryAcquire("a", 5) {
		t.Fatal("there is no room")
	}
	large, small := s.stand("b", 8), s.stand("c", 5)
	if !s.giveUp(large) || s.giveUp(small) {
		t.Error("a small one waits behind nobody")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.acquire(ctx, "d", 1); err == nil {
		t.Error("it got what is taken")
	}
}
