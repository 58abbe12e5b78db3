// Package store keeps what was made once and may be of use again, within a budget of bytes.
//
// It knows nothing of what it keeps but its size and what it cost to make. What it returns is shared by all who ask: it
// must not be changed. It never keeps anything for longer than there is room for it.
package store

import (
	"container/heap"
	"sync"
	"time"
)

// Store keeps values. When there is no room for a new one, it drops those that were cheapest to make for the room they
// take and have not been asked for since: GreedyDual-Size (Cao and Irani, 1997). So one large tree goes before a
// thousand renders that took longer to make, and what nobody asks for any more goes in the end. A Shrinking one is shrunk
// first.
type Store struct {
	mutex sync.Mutex
	limit int64
	bytes int64
	byKey map[any]*item
	queue queue
	// dropped is how many bytes had to go for want of room.
	dropped int64
	// age is the rank of what was dropped last: what comes in now ranks above it.
	age float64
}

// New returns a store of at most so many bytes.
func New(limit int64) *Store { return &Store{limit: limit, byKey: map[any]*item{}} }

// Shrinking is a value of which something can be kept in less room.
type Shrinking interface {
	// Shrunk is what stays, and how many bytes that takes. It is called with the store locked.
	Shrunk() (value any, bytes int64)
}

type item struct {
	key, value any
	bytes      int64
	worth      float64 // nanoseconds that one byte saves
	rank       float64
	index      int
}

// overhead is what an item takes beside its value, about.
const overhead = 200

// Get returns the value of a key, which counts as a use of it. Keys of different types are different.
func (s *Store) Get(key any) (value any, ok bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	i, ok := s.byKey[key]
	if !ok {
		return nil, false
	}
	i.rank = s.age + i.worth
	heap.Fix(&s.queue, i.index)
	return i.value, true
}

// Takes says whether a value of so many bytes is kept: one larger than half the budget is not, since with it hardly anything
// else would be.
func (s *Store) Takes(bytes int64) bool { return bytes+overhead <= s.limit/2 }

// Put keeps a value that takes so many bytes and took so long to make, in the place of what the key had. What it
// does not take is not kept.
func (s *Store) Put(key, value any, bytes int64, cost time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if old, ok := s.byKey[key]; ok {
		s.drop(old)
	}
	if !s.Takes(bytes) {
		return
	}
	bytes += overhead
	for s.bytes+bytes > s.limit {
		s.age = s.queue[0].rank
		s.shrink(s.queue[0])
	}
	worth := float64(cost) / float64(bytes)
	i := &item{key: key, value: value, bytes: bytes, worth: worth, rank: s.age + worth}
	s.byKey[key] = i
	s.bytes += bytes
	heap.Push(&s.queue, i)
}

// shrink keeps less of a value, which saves as much for the bytes that it takes now, or drops it.
func (s *Store) shrink(i *item) {
	before := i.bytes
	if value, ok := i.value.(Shrinking); ok {
		rest, bytes := value.Shrunk()
		if bytes += overhead; bytes < before {
			s.dropped += before - bytes
			s.bytes -= before - bytes
			i.value, i.bytes, i.worth = rest, bytes, i.worth*float64(before)/float64(bytes)
			i.rank = s.age + i.worth
			heap.Fix(&s.queue, i.index)
			return
		}
	}
	s.dropped += before
	s.drop(i)
}

func (s *Store) drop(i *item) {
	heap.Remove(&s.queue, i.index)
	delete(s.byKey, i.key)
	s.bytes -= i.bytes
}

// Bytes is how many bytes are taken.
func (s *Store) Bytes() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.bytes
}

// Dropped is how many bytes had to go for want of room, since the beginning.
func (s *Store) Dropped() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.dropped
}

// Count is how many values are kept of which the function says yes.
func (s *Store) Count(is func(value any) bool) (n int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, i := range s.byKey {
		if is(i.value) {
			n++
		}
	}
	return n
}

// queue is a heap with the least of rank first.
type queue []*item

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].rank < q[j].rank }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	i := x.(*item)
	i.index = len(*q)
	*q = append(*q, i)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	i := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return i
}
