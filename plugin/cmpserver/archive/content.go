package archive

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"slices"
	"unsafe"
)

const (
	// blockBytes is how much memory small files share.
	blockBytes = 64 << 10
	// entryBytes is what an entry takes beside its name and content.
	entryBytes = int(unsafe.Sizeof(entry{}))
	// unpackingBytes is what it takes besides until the tree is there: the list it is in grows by being copied, and its path
	// is looked up in a map.
	unpackingBytes = entryBytes + 64
)

// file reads the content of a regular file.
func (u *unpacker) file(name string, size int64) error {
	e := entry{name: name, size: size}
	u.hasher.Reset()
	if size >= u.limits.File {
		if _, err := io.CopyBuffer(u.hasher, onlyReader{u.files}, u.buffer[:]); err != nil {
			return err
		}
	} else {
		if err := u.keep(size); err != nil {
			return err
		}
		e.data = u.room(int(size))
		if _, err := io.ReadFull(u.files, e.data); err != nil {
			return err
		}
		u.hasher.Write(e.data)
	}
	u.hasher.Sum(e.hash[:0])
	return u.add(e)
}

// room returns memory for the content of a file. Small ones share blocks, so that a tree is a few large allocations.
func (u *unpacker) room(size int) []byte {
	if size > blockBytes/4 {
		return make([]byte, size)
	}
	if size > len(u.block) {
		// A tree of few small files gets few bytes.
		u.block = make([]byte, min(blockBytes, max(4<<10, size, u.small)))
	}
	u.small += size
	room := u.block[:size:size]
	u.block = u.block[size:]
	return room
}

// tree ends the unpacking.
func (u *unpacker) tree() *Tree {
	slices.SortFunc(u.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	if cap(u.entries) > len(u.entries)+len(u.entries)/4 {
		u.entries = slices.Clone(u.entries)
	}
	t := &Tree{entries: slices.Clip(u.entries), bytes: u.kept - int64(len(u.entries)*unpackingBytes)}
	u.hasher.Reset()
	var line []byte
	for i := range t.entries {
		e := &t.entries[i]
		// The length makes it plain where a path ends.
		line = binary.AppendUvarint(line[:0], uint64(len(e.name)))
		line = append(line, e.name...)
		line = binary.LittleEndian.AppendUint32(line, uint32(e.mode&fs.ModeType))
		line = append(line, e.hash[:]...)
		u.hasher.Write(line)
	}
	u.hasher.Sum(t.hash[:0])
	return t
}

// source is the reader of the compressed archive. It ends with the context, and knows whose an error is.
type source struct {
	ctx  context.Context
	from io.Reader
	err  error // the reader's own
}

func (s *source) Read(p []byte) (int, error) {
	n, err := 0, s.ctx.Err()
	if err == nil {
		n, err = s.from.Read(p)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// blame returns the reader's own error, or else says that the archive is at fault.
func (s *source) blame(err error) error {
	var known *RefusedError
	switch {
	case s.err != nil:
		return s.err
	case s.ctx.Err() != nil && errors.Is(err, s.ctx.Err()):
		return err
	case errors.As(err, &known):
		return err
	}
	return refused("malformed", "cannot be unpacked: %v", err)
}

// bounded is a reader of at most so many bytes, which ends with the context. It has no other methods, so that io.CopyBuffer uses the buffer it is
// given.
type bounded struct {
	ctx   context.Context
	from  io.Reader
	limit int64
	count int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.from.Read(p)
	b.count += int64(n)
	if err := b.expect(0); err != nil {
		return 0, err
	}
	return n, err
}

// expect refuses so many bytes more, before they are read, if they are too many.
func (b *bounded) expect(bytes int64) error {
	if bytes > b.limit-b.count {
		return refused("too large", "unpacks to more than %d MiB; name what the Application needs in its annotation "+
			"argocd.argoproj.io/manifest-generate-paths", b.limit>>20)
	}
	return nil
}

// onlyReader hides the other methods of a reader, for the same reason.
type onlyReader struct{ io.Reader }
