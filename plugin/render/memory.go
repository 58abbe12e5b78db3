package render

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Memory is what the renders of this process may take together, as far as that is known beforehand. One that finds no
// room belongs into a child process; the answer of a child waits until there is room for it. Nil has no limit.
type Memory struct {
	// each is what a render may take whatever others do, so that large ones do not drive out the small.
	each   int64
	shared *semaphore.Weighted
	size   int64
}

// NewMemory divides so many bytes among so many renders at once: one half is theirs in equal parts, and of the other each
// takes what it needs beyond. No bytes are no limit.
func NewMemory(bytes int64, renders int) *Memory {
	if bytes <= 0 {
		return nil
	}
	return &Memory{each: bytes / 2 / int64(renders), shared: semaphore.NewWeighted(bytes / 2), size: bytes / 2}
}

const (
	// nodeBytes is what kustomize takes for a YAML node, byteBytes what a byte that is read takes in files and results.
	nodeBytes = 600
	byteBytes = 2
	// setAsideBytes is what a node takes of a schema that kustomize does not see.
	setAsideBytes = 150
	// valueBytes is what a value of JSON takes as an object's field.
	valueBytes = 96
)

// claim is what one render has taken.
type claim struct {
	memory *Memory
	need   int64 // in all
	taken  int64 // of what is shared
}

// grow takes what a render needs that needs so many bytes in all, or says that there is no room.
func (c *claim) grow(bytes int64) bool {
	if c.memory == nil {
		return true
	}
	if more := bytes - c.memory.each - c.taken; more > 0 {
		if !c.memory.shared.TryAcquire(more) {
			return false
		}
		c.taken += more
	}
	c.need = max(c.need, bytes)
	return true
}

// add takes what a render needs beyond what it has taken.
func (c *claim) add(bytes int64) bool { return c.grow(c.need + bytes) }

func (c *claim) end() {
	c.need = 0
	if c.taken > 0 {
		c.memory.shared.Release(c.taken)
		c.taken = 0
	}
}

// roomFor is what the answer of a child takes, as JSON and as objects.
func roomFor(json []byte) int64 { return int64(len(json))*byteBytes + valuesBound(json)*valueBytes }

// noRoomError says that an answer will never find room.
type noRoomError struct {
	dir   string
	bytes int64
}

func (e *noRoomError) Error() string {
	return fmt.Sprintf("%s: what it renders to takes %d MiB, for which this process has no room; raise the memory limit of its container",
		e.dir, e.bytes>>20)
}

// admit waits for the room that the answer of a child takes.
func (m *Memory) admit(ctx context.Context, dir string, bytes int64) (leave func(), err error) {
	if m == nil {
		return func() {}, nil
	}
	if bytes > m.size {
		return func() {}, &noRoomError{dir, bytes}
	}
	if err := m.shared.Acquire(ctx, bytes); err != nil {
		return func() {}, err
	}
	return sync.OnceFunc(func() { m.shared.Release(bytes) }), nil
}

// valuesBound is a number that the values in JSON do not exceed.
func valuesBound(json []byte) int64 {
	n := int64(1)
	for _, b := range json {
		switch b {
		case ',', '[', '{', ':':
			n++
		}
	}
	return n
}
