package cmpserver

import (
	"runtime"
	"runtime/debug"
	gometrics "runtime/metrics"
	"sync"
)

// LimitMemory keeps Go's memory limit at soft, so that garbage takes little, unless more than half of that is in use: then
// at twice what is in use, so that Go does not collect without end, and never above most.
func LimitMemory(soft, most int64) {
	memory.Lock()
	memory.soft, memory.most, memory.now = soft, most, soft
	debug.SetMemoryLimit(soft)
	memory.Unlock()
	memory.follow.Do(func() { afterCollection(adjust) })
}

// memory is what LimitMemory has said last. There is one, as there is one limit.
var memory struct {
	sync.Mutex
	soft, most, now int64
	follow          sync.Once
}

func adjust() {
	memory.Lock()
	defer memory.Unlock()
	if limit := limitFor(inUse(), memory.soft, memory.most); limit != memory.now { // setting it stops everything for a moment
		debug.SetMemoryLimit(limit)
		memory.now = limit
	}
}

// limitStep keeps the limit as it is while what is in use hardly changes.
const limitStep = 8 << 20

func limitFor(inUse, soft, most int64) int64 {
	return min(max(soft, up(2*inUse, limitStep)*limitStep), most)
}

// inUse is what the last collection has found in use.
func inUse() int64 {
	sample := []gometrics.Sample{{Name: "/gc/heap/live:bytes"}}
	gometrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// afterCollection calls a function after each collection: it is what a value leaves behind that nobody holds.
func afterCollection(do func()) {
	type cycle struct{ _ *byte } // a pointer, so that it shares its memory with no other value
	runtime.AddCleanup(&cycle{}, func(do func()) {
		do()
		afterCollection(do)
	}, do)
}
