package cmpserver

import (
	"runtime"
	"runtime/debug"
	gometrics "runtime/metrics"
)

// LimitMemory keeps Go's memory limit at soft, so that garbage takes little, unless more than half of that is in use: then
// at twice what is in use, so that Go does not collect without end, and never above most.
func LimitMemory(soft, most int64) {
	debug.SetMemoryLimit(soft)
	afterCollection(func() { debug.SetMemoryLimit(limitFor(inUse(), soft, most)) })
}

func limitFor(inUse, soft, most int64) int64 { return min(max(soft, 2*inUse), most) }

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
