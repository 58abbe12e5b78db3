package cmpserver

import (
	"math"
	"runtime"
)

// Budget is how a container's memory is divided.
type Budget struct {
	// Store is for trees and renders that may be of use again.
	Store int64
	// Streams is for archives that are being received or unpacked, of all requests together, and for large answers until they
	// are written. An archive of more than that is refused.
	Streams int64
	// Tree is for unpacked archives while they are rendered, of all requests together, each once. One that takes more than
	// two thirds of it is refused.
	Tree int64
	// Renders is for renders in this process, and for the answers of its children; 0: they have no limit together.
	Renders int64
	// Child is for each process that renders what this one should not, and Children is how many there may be.
	Child    int64
	Children int
	// Soft and Most are how much memory Go takes before it collects more often: Soft where little is in use, and never more
	// than Most, below which all of the above fits but the children.
	Soft, Most int64
}

const (
	// assumed is how much memory is taken to be there where nothing says how much there is.
	assumed = 512 << 20
	// maxChild is more than any render should need.
	maxChild = 1 << 30
	// minOwn is what this process takes by itself: the program, kustomize's tables and the connection.
	minOwn = 32 << 20
	// ownShare is which part of all memory it is at least: what is divided is not known to the byte.
	ownShare = 16
	// shares are how many equal parts the rest has, and those that follow are how many each purpose gets.
	shares       = 15
	storeShare   = 1
	streamsShare = 2
	treeShare    = 3
	rendersShare = 3
	childShare   = 6
	// softShare is which part of all memory Go takes before it collects more often. With a quarter the peak was 144 MiB, not 118, and
	// what fills memory was a tenth quicker at most (make bench-cmp).
	softShare = 5
	// uncounted is which part of what this process takes by itself Go's limit does not count, such as the program's text.
	uncounted = 4
)

// Divide divides so much memory, in bytes; 0 means that there is no limit. What it gives to all purposes together is never
// more, however little there is.
func Divide(memory int64) Budget {
	cores := int64(runtime.GOMAXPROCS(0))
	b := Budget{Child: maxChild, Children: int(cores)}
	limited := memory > 0
	if !limited {
		memory = assumed
	}
	own := min(memory, max(minOwn, memory/ownShare))
	part := (memory - own) / shares
	b.Store, b.Streams, b.Tree, b.Renders = storeShare*part, streamsShare*part, treeShare*part, rendersShare*part
	b.Most = b.Store + b.Streams + b.Tree + b.Renders + own - own/uncounted
	b.Soft = min(memory/softShare, b.Most)
	if limited {
		b.Child = min(maxChild, childShare*part)
		b.Children = int(min(cores, max(1, childShare*part/max(1, b.Child))))
	}
	return b
}

// MemoryFor is how much memory there must be to divide for an archive of that size to be received.
func MemoryFor(archive int64) int64 {
	if archive > math.MaxInt64/(2*shares) {
		return math.MaxInt64
	}
	rest := up(archive, streamsShare) * shares
	return max(rest+minOwn, up(rest*ownShare, ownShare-1))
}
