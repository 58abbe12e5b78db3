package render

import (
	"bytes"
	"cmp"
	"fmt"
)

// Limits bound what one render may use. Zero fields take the defaults.
type Limits struct {
	// FileBytes is the largest file that is read at all.
	FileBytes int64
	// TotalBytes is how much is read in one render, files read twice counted twice.
	TotalBytes int64
	// Builds is how many kustomizations one render may build; bases that list a base twice double at every level.
	Builds int
	// AliasNodes is how many YAML nodes the aliases of one file may add to it. A long text is as many as it has times 64 bytes.
	AliasNodes int
	// Depth is how deeply a file may be nested.
	Depth int
	// Documents is how many YAML documents one file may hold.
	Documents int
	// Output is how many bytes of JSON a child process may answer with: this process has to hold them.
	Output int

	// What follows is what a render may use in this process. Beyond it a child process renders, which can be stopped.

	// AllNodes is how many YAML nodes may be read.
	AllNodes int
	// Siblings is how many entries one map or list may have: kustomize's time grows with the square of a map's.
	Siblings int
	// Lookups is how often kustomize may ask for a file or a folder.
	Lookups int
	// Bytes is how much may be read.
	Bytes int64
	// Objects is how many objects may be read or generated: kustomize's time grows with more than their square (1,000
	// take half a second, 8,000 more than a minute).
	Objects int
	// Changes is how often a change (a patch, a replacement, an image …) may meet an object.
	Changes int
	// Comparisons is how often kustomize may compare two objects: a million take 0.15 to 0.3 s.
	Comparisons int
	// Copies is how often a JSON patch may copy; each can double an object.
	Copies int
	// Growth is how many bytes the changes may add, as far as that is known beforehand.
	Growth int64
}

// DefaultLimits are far above what public repositories need. What stays in this process then takes some 300 MiB at the
// worst; Memory bounds what all renders take together.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 16 << 20, TotalBytes: 64 << 20, Builds: 1000, AliasNodes: 100_000, Depth: 250, Documents: 20_000, Output: 64 << 20,
		AllNodes: 400_000, Siblings: 5000, Lookups: 20_000, Bytes: 16 << 20, Objects: 2000, Changes: 200_000,
		Comparisons: 12_000_000, Copies: 8, Growth: 128 << 20,
	}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	l.FileBytes = cmp.Or(l.FileBytes, d.FileBytes)
	l.TotalBytes = cmp.Or(l.TotalBytes, d.TotalBytes)
	l.Builds = cmp.Or(l.Builds, d.Builds)
	l.AliasNodes = cmp.Or(l.AliasNodes, d.AliasNodes)
	l.Documents = cmp.Or(l.Documents, d.Documents)
	l.Output = cmp.Or(l.Output, d.Output)
	l.AllNodes = cmp.Or(l.AllNodes, d.AllNodes)
	l.Siblings = cmp.Or(l.Siblings, d.Siblings)
	l.Lookups = cmp.Or(l.Lookups, d.Lookups)
	l.Depth = cmp.Or(l.Depth, d.Depth)
	l.Bytes = cmp.Or(l.Bytes, d.Bytes)
	l.Objects = cmp.Or(l.Objects, d.Objects)
	l.Changes = cmp.Or(l.Changes, d.Changes)
	l.Comparisons = cmp.Or(l.Comparisons, d.Comparisons)
	l.Copies = cmp.Or(l.Copies, d.Copies)
	l.Growth = cmp.Or(l.Growth, d.Growth)
	return l
}

// unboundedError says that a render may use more time or memory than this process can give, and why: it belongs into a
// child process.
type unboundedError struct{ reason string }

func (e *unboundedError) Error() string { return e.reason }

func unbounded(format string, args ...any) error {
	return &unboundedError{fmt.Sprintf(format, args...)}
}

// budget counts what one render has used.
type budget struct {
	limits  Limits
	isolate bool         // this process may be killed: only the hard limits count
	stopped func() error // says whether nobody waits for the render any more
	lookups int
	nodes   int
	builds  int
	bytes   int64
	objects int
	changes int
	copies  int
	growth  growth
	// comparisons are those of all pairs of objects.
	comparisons comparisons
	// setAside is how many nodes kustomize does not see.
	setAside int
	claim    claim
}

func (b *budget) lookup() error {
	if err := b.stopped(); err != nil {
		return err
	}
	b.lookups++
	if !b.isolate && b.lookups > b.limits.Lookups {
		return unbounded("kustomize looked up more than %d files", b.limits.Lookups)
	}
	return nil
}

func (b *budget) build(name string) error {
	b.builds++
	if b.builds > b.limits.Builds {
		return fmt.Errorf("%s: more than %d kustomizations are built; do bases list each other more than once?",
			name, b.limits.Builds)
	}
	return nil
}

// size is asked before a file is read.
func (b *budget) size(name string, size int64) error {
	if size > b.limits.FileBytes {
		return fmt.Errorf("%s has %d bytes, more than the %d that a file may have", name, size, b.limits.FileBytes)
	}
	b.bytes += size
	if b.bytes > b.limits.TotalBytes {
		return fmt.Errorf("%s: kustomize has read %d bytes with this file, more than the %d that one render may read",
			name, b.bytes, b.limits.TotalBytes)
	}
	if !b.isolate && b.bytes > b.limits.Bytes {
		return unbounded("kustomize read more than %d bytes", b.limits.Bytes)
	}
	return nil
}

// content is asked before kustomize sees a file. It may be any file, so only what no parser survives is refused.
func (b *budget) content(name string, content []byte) error {
	if n := bytes.Count(content, []byte("\n---")); n > b.limits.Documents {
		return fmt.Errorf("%s holds %d YAML documents, more than the %d that a file may hold", name, n, b.limits.Documents)
	}
	added, err := b.shape(content)
	if err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	b.nodes += added
	return b.breadth(name, content)
}

// breadth is about what takes kustomize long or much memory without being deep: nodes cost it some 600 bytes each, and the
// fields of one map time that grows with their square.
func (b *budget) breadth(name string, content []byte) error {
	nodes, siblings := breadthBound(content)
	b.nodes += nodes
	b.growth.read(content, nodes)
	switch {
	case b.isolate:
		return nil
	case siblings > b.limits.Siblings:
		return unbounded("%s has up to %d entries side by side", name, siblings)
	case b.nodes > b.limits.AllNodes:
		return unbounded("%s: kustomize has read up to %d YAML nodes with this file", name, b.nodes)
	}
	return nil
}

// fits says where a render needs more than this process has left.
func (b *budget) fits(name string) error {
	if b.isolate {
		return nil
	}
	need := int64(b.nodes-b.setAside)*nodeBytes + int64(b.setAside)*setAsideBytes + b.bytes*byteBytes
	need += int64(min(b.growth.bound(b.objects, b.copies), float64(b.limits.Growth)))
	if !b.claim.grow(need) {
		return unbounded("with %s it may take more than %d MiB, and this process has no more memory left for it", name, need>>20)
	}
	return nil
}

// shape refuses what no parser survives. What is made for kustomize's own transformers holds patches as text, however it
// is written.
func (b *budget) shape(content []byte) (added int, err error) {
	if mustCheck(content, b.limits.Depth) || bytes.Contains(content, []byte("builtin")) {
		return checkShape(content, b.limits.AliasNodes, b.limits.Depth)
	}
	return 0, nil
}

// use counts what makes a render long, and says where it became too much for this process.
func (b *budget) use(name string, objects, changes, copies int) error {
	b.objects, b.changes, b.copies = b.objects+objects, b.changes+changes, b.copies+copies
	switch l := b.limits; {
	case b.isolate:
		return nil
	case b.objects > l.Objects:
		return unbounded("with %s it has more than %d objects", name, l.Objects)
	case b.objects*b.changes > l.Changes:
		return unbounded("with %s it changes %d objects in %d ways", name, b.objects, b.changes)
	case b.comparisons.sum(b.objects) > l.Comparisons:
		return unbounded("with %s its objects are compared with each other more than %d times", name, l.Comparisons)
	case b.copies > l.Copies:
		return unbounded("with %s its JSON patches copy more than %d times", name, l.Copies)
	case b.growth.bound(b.objects, b.copies) > float64(l.Growth):
		return unbounded("with %s its changes may add more than %d bytes", name, l.Growth)
	}
	return nil
}
