package cmpserver

import (
	"math"
	"runtime"
)

// Budget is how a container's memory is divided.
type Budget struct {
	// Store is for trees and renders that may be of use again.
	Store int64
	// Streams is for archives that are being received or unpacked, of all requests together. One of more than that is
	// refused.
	Streams int64
	// Tree is for unpacked archives while they are rendered, of all requests together, each once. One of more is refused.
	Tree int64
	// Child is for each process that renders what this one should not, and Children is how many there may be.
	Child    int64
	Children int
	// Soft is from where on Go's collector works harder (runtime/debug.SetMemoryLimit).
	Soft int64
}

const (
	// assumed is how much memory is taken to be there where nothing says how much there is.
	assumed = 512 << 20
	// maxChild is more than any render should need.
	maxChild = 1 << 30
	minChild = 96 << 20
)

// Divide divides so much memory, in bytes; 0 means that there is no limit. One half is this process's, the other its
// children's.
func Divide(memory int64) Budget {
	cores := runtime.GOMAXPROCS(0)
	b := Budget{Child: maxChild, Children: cores}
	if memory > 0 {
		b.Child = min(maxChild, max(minChild, memory/2))
		b.Children = int(min(int64(cores), max(1, memory/2/b.Child)))
	} else {
		memory = assumed
	}
	own := memory / 2
	b.Store, b.Streams, b.Tree, b.Soft = own/8, own/streamShare, own/4, own/2
	return b
}

// streamShare is which part of this process's memory is for archives.
const streamShare = 4

// MemoryFor is how much memory there must be to divide for an archive of that size to be received.
func MemoryFor(archive int64) int64 {
	if archive > math.MaxInt64/(2*streamShare) {
		return math.MaxInt64
	}
	return archive * 2 * streamShare
}
