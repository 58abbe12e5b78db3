// Package archive turns the archive in which Argo CD sends a repository into a read-only tree in memory.
//
// It writes nothing to disk, follows no link, and takes from an archive only regular files, folders and symbolic links:
// an archive with anything else in it, or with more than the limits allow, is refused as a whole. It never decides what
// a link leads to; who reads the tree does.
package archive

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

// Limits bound what one archive may make of itself. Zero fields take the defaults.
type Limits struct {
	// Unpacked is how many bytes an archive may expand to, headers and what is not kept included.
	Unpacked int64
	// Kept is how many bytes a tree may hold in memory.
	Kept int64
	// File is the size from which on a file's content is not kept: whoever renders reads no file that large.
	File int64
	// Entries is how many files, folders and links an archive may hold.
	Entries int
	// Depth is how many folders deep a path may be.
	Depth int
	// Path is how many bytes a path or the target of a link may have.
	Path int
	// Expanded is about how many bytes the archive expands to; 0: nobody knows. It limits nothing.
	Expanded int64
}

// defaultLimits suit a monorepo and a container of 512 MiB.
func defaultLimits() Limits {
	return Limits{Unpacked: 2 << 30, Kept: 96 << 20, File: 16 << 20, Entries: 250_000, Depth: 100, Path: 4096}
}

func (l Limits) orDefaults() Limits {
	d := defaultLimits()
	l.Unpacked = cmp.Or(l.Unpacked, d.Unpacked)
	l.Kept = cmp.Or(l.Kept, d.Kept)
	l.File = cmp.Or(l.File, d.File)
	l.Entries = cmp.Or(l.Entries, d.Entries)
	l.Depth = cmp.Or(l.Depth, d.Depth)
	l.Path = cmp.Or(l.Path, d.Path)
	return l
}

// RefusedError says what an archive holds that no tree can be made of.
type RefusedError struct {
	// Reason is one word or two, for counting.
	Reason string
	// Kept says that only what is kept of it was too much: with a higher Limits.Kept there may be a tree.
	Kept    bool
	message string
}

func (e *RefusedError) Error() string { return e.message }

// Expanded is how many bytes a compressed archive says that it expands to (RFC 1952, ISIZE, modulo 2^32). It may say
// anything.
func Expanded(archive []byte) int64 {
	if len(archive) < 4 {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(archive[len(archive)-4:]))
}

func refused(reason, format string, args ...any) error {
	return &RefusedError{Reason: reason, message: "the archive that Argo CD sent " + fmt.Sprintf(format, args...)}
}
