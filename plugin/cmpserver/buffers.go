package cmpserver

import (
	"bytes"
	"math/bits"
	"sync"
)

// Archives of more than reusedFrom bytes, up to reusedTo, are received into memory that others were received into. Go allocates up to
// reusedFrom from what it keeps at hand; to get more, to clear it and to give it back takes longer than to receive into it. Archives
// of more than reusedTo are rare.
const (
	reusedFrom = 32 << 10
	reusedTo   = 256 << 10
)

// reused are the buffers that nobody uses, by their size. The garbage collector frees those that stay unused; until then
// no budget counts them, as none counts other garbage.
var reused = map[int64]*sync.Pool{64 << 10: {}, 128 << 10: {}, reusedTo: {}}

// bufferBytes is how much memory an archive of that size is received into.
func bufferBytes(size int64) int64 {
	if size <= reusedFrom || size > reusedTo {
		return size
	}
	return 1 << bits.Len64(uint64(size-1))
}

// newBuffer returns an empty buffer of so many bytes. After free nobody may use it any more, nor what its Bytes returned.
func newBuffer(size int64) (buffer *bytes.Buffer, free func()) {
	pool := reused[size]
	if pool == nil {
		return bytes.NewBuffer(make([]byte, 0, size)), func() {}
	}
	buffer, ok := pool.Get().(*bytes.Buffer)
	if !ok {
		buffer = bytes.NewBuffer(make([]byte, 0, size))
	}
	return buffer, func() {
		buffer.Reset()
		pool.Put(buffer)
	}
}
