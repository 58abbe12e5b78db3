package cmpserver

import (
	"bytes"
	"math/bits"
	"sync"
)

// Archives of more than reusedFrom bytes, up to reusedTo, are received into memory that others were received into: what has more
// bytes than that Go gets page by page, clears and gives back, which takes longer than receiving. What has still more is rare.
const (
	reusedFrom = 32 << 10
	reusedTo   = 256 << 10
)

// reused are the buffers that nobody uses, of each power of two.
var reused [bits.UintSize]sync.Pool

// bufferBytes is how much memory an archive of that size is received into.
func bufferBytes(size int64) int64 {
	if size <= reusedFrom || size > reusedTo {
		return size
	}
	return 1 << bits.Len64(uint64(size-1))
}

// newBuffer returns an empty buffer of bufferBytes, which free ends the use of: also of what Bytes has returned.
func newBuffer(size int64) (buffer *bytes.Buffer, free func()) {
	size = bufferBytes(size)
	if size <= reusedFrom || size > reusedTo {
		return bytes.NewBuffer(make([]byte, 0, size)), func() {}
	}
	pool := &reused[bits.TrailingZeros64(uint64(size))]
	buffer, ok := pool.Get().(*bytes.Buffer)
	if !ok {
		buffer = bytes.NewBuffer(make([]byte, 0, size))
	}
	return buffer, func() {
		buffer.Reset()
		pool.Put(buffer)
	}
}
