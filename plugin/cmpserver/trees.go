package cmpserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

// trees shares unpacked archives. A tree is found by its archive's checksum, which is quick, or by its content, since a
// checksum changes with the time of a checkout. It is found while a request holds it, however large it is, and afterwards if
// the store has room for it, or for its outline. The last one that is too large for the store stays (spare) until its room is
// needed: a monorepo that is sent whole is sent for each Application.
type trees struct {
	store  *store.Store
	queue  *generate.Queue
	limits archive.Limits
	rooms  *rooms
	read   func(ctx context.Context, r io.Reader, limits archive.Limits) (*archive.Tree, error)
	mutex  sync.Mutex
	// busy are the checksums whose archives are being unpacked.
	busy map[string]chan struct{}
	held map[archive.Hash]*holding
	// spare is one of them that no request holds any more, or nil.
	spare *holding
	// checksums lead to what is held.
	checksums map[string]archive.Hash
	from      levels
}

// levels count how requests came by their trees.
type levels struct {
	// checksum: the same archive had been unpacked; outline: it had, and its outline is left; content: another that held the
	// same; unpacked: none had.
	checksum, outline, content, unpacked atomic.Int64
}

// holding is a tree that requests hold. It takes room once.
type holding struct {
	tree      *archive.Tree
	place     *place
	requests  int
	checksums []string
}

// newTrees has so much room for the trees that requests hold.
func newTrees(kept *store.Store, queue *generate.Queue, room int64, limits archive.Limits) *trees {
	rooms := newRooms(room)
	limits.Kept = rooms.largest
	t := &trees{
		store: kept, queue: queue, limits: limits, rooms: rooms, read: archive.Unpack,
		busy: map[string]chan struct{}{}, held: map[archive.Hash]*holding{}, checksums: map[string]archive.Hash{},
	}
	for _, room := range []*pool{rooms.main, rooms.nook} {
		room.reclaim = func() {
			t.mutex.Lock()
			defer t.mutex.Unlock()
			t.dropSpare()
		}
	}
	return t
}

// hold keeps room for a tree until it is released, and waits for it in turn.
func (t *trees) hold(ctx context.Context, tree *archive.Tree, by asker) (release func(), err error) {
	t.mutex.Lock()
	if h := t.held[tree.Hash()]; h != nil && h.tree == tree {
		defer t.mutex.Unlock()
		return t.share(h), nil
	}
	t.mutex.Unlock()
	place, err := t.rooms.enter(ctx, by.tenant, tree.Bytes())
	if err != nil {
		return nil, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if h := t.held[tree.Hash()]; h != nil && h.tree != tree {
		return sync.OnceFunc(place.leave), nil // a copy, which takes room of its own
	}
	return t.share(t.settle(tree, place)), nil
}

// settle puts a tree into the place that was set aside for it; nothing, if another request holds it. The mutex is held.
func (t *trees) settle(tree *archive.Tree, place *place) *holding {
	h := t.held[tree.Hash()]
	if h != nil {
		place.leave()
		return h
	}
	place.shrink(tree.Bytes())
	h = &holding{tree: tree, place: place}
	t.held[tree.Hash()] = h
	return h
}

// share counts one request more for a tree. The mutex is held.
func (t *trees) share(h *holding) (release func()) {
	h.requests++
	if t.spare == h {
		t.spare = nil
		h.place.resume()
	}
	return sync.OnceFunc(func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		if h.requests--; h.requests > 0 {
			return
		}
		if t.store.Takes(h.tree.Bytes()) || !h.place.rest() {
			t.forget(h)
			return
		}
		t.dropSpare()
		t.spare = h
	})
}

// forget gives back the room of a tree that no request holds. The mutex is held.
func (t *trees) forget(h *holding) {
	for _, checksum := range h.checksums {
		delete(t.checksums, checksum)
	}
	delete(t.held, h.tree.Hash())
	h.place.leave()
}

// dropSpare forgets the spare tree, if there is one. The mutex is held.
func (t *trees) dropSpare() {
	if t.spare != nil {
		t.spare.place.resume()
		t.forget(t.spare)
		t.spare = nil
	}
}

// maxChecksums is how many archives of one tree are remembered while it is held: each checkout makes another.
const maxChecksums = 64

// name notes that an archive of that checksum holds what is held. The mutex is held.
func (t *trees) name(h *holding, checksum string) {
	if _, known := t.checksums[checksum]; known {
		return
	}
	if len(h.checksums) == maxChecksums {
		delete(t.checksums, h.checksums[0])
		h.checksums = h.checksums[1:]
	}
	h.checksums = append(h.checksums, checksum)
	t.checksums[checksum] = h.tree.Hash()
}

// checksumKey leads to a hash, hashKey to a tree.
type (
	checksumKey string
	hashKey     archive.Hash
)

// byChecksum returns a whole tree that was unpacked from an archive of that checksum, or nil.
func (t *trees) byChecksum(checksum string) *archive.Tree { return whole(t.outlined(checksum)) }

func whole(tree *archive.Tree) *archive.Tree {
	if tree == nil || !tree.Whole() {
		return nil
	}
	return tree
}

// outlined returns such a tree or its outline, or nil. Only checksums that were compared with an archive lead to one. No room
// is set aside for an outline: it is to be used at once.
func (t *trees) outlined(checksum string) *archive.Tree {
	t.mutex.Lock()
	hash, ok := t.checksums[checksum]
	t.mutex.Unlock()
	if !ok {
		known, _ := t.store.Get(checksumKey(checksum))
		key, found := known.(hashKey)
		if !found {
			return nil
		}
		hash = archive.Hash(key)
	}
	return t.byHash(hash)
}

// byHash returns a tree that is held or kept, an outline that is kept, or nil.
func (t *trees) byHash(hash archive.Hash) *archive.Tree {
	kept, _ := t.store.Get(hashKey(hash)) // first: this is a use of it
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if h := t.held[hash]; h != nil {
		return h.tree
	}
	tree, _ := kept.(*archive.Tree)
	return tree
}

// unpack returns the tree of an archive whose checksum was verified, which is to be released. One archive is unpacked once
// at a time.
func (t *trees) unpack(ctx context.Context, checksum string, content []byte, by asker) (*archive.Tree, func(), error) {
	for {
		if tree := t.byChecksum(checksum); tree != nil {
			t.from.checksum.Add(1)
			release, err := t.hold(ctx, tree, by)
			return tree, release, err
		}
		t.mutex.Lock()
		done, busy := t.busy[checksum]
		if !busy {
			done = make(chan struct{})
			t.busy[checksum] = done
			t.mutex.Unlock()
			return t.unpackNow(ctx, checksum, content, by, done)
		}
		t.mutex.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (t *trees) unpackNow(ctx context.Context, checksum string, content []byte, by asker, done chan struct{}) (*archive.Tree, func(), error) {
	defer func() {
		t.mutex.Lock()
		delete(t.busy, checksum)
		t.mutex.Unlock()
		close(done)
	}()
	start := time.Now()
	expanded := archive.Expanded(content)
	tree, place, err := t.unpackWithin(ctx, expanded+slack, content, by)
	var refused *archive.RefusedError
	if errors.As(err, &refused) && refused.Kept && expanded+slack < t.limits.Kept {
		tree, place, err = t.unpackWithin(ctx, t.limits.Kept, content, by)
	}
	if err != nil {
		return nil, nil, err
	}
	if known := whole(t.byHash(tree.Hash())); known != nil {
		tree = known
		t.from.content.Add(1)
	} else {
		t.from.unpacked.Add(1)
		t.store.Put(hashKey(tree.Hash()), tree, tree.Bytes(), time.Since(start))
	}
	t.store.Put(checksumKey(checksum), hashKey(tree.Hash()), int64(len(checksum)), time.Since(start))
	t.mutex.Lock()
	defer t.mutex.Unlock()
	h := t.settle(tree, place)
	t.name(h, checksum)
	return h.tree, t.share(h), nil
}

// slack is what a tree may take beyond what its archive expands to, in which each file has a header of 512 bytes: folders
// that it names only by what lies in them.
const slack = 64 << 10

// unpackWithin sets room aside and unpacks. The place is taken if there is a tree.
func (t *trees) unpackWithin(ctx context.Context, room int64, content []byte, by asker) (tree *archive.Tree, _ *place, err error) {
	place, err := t.rooms.enter(ctx, by.tenant, room)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = &generate.PanicError{Dir: "the archive that Argo CD sent", Value: p, Stack: debug.Stack()}
		}
		if err != nil {
			place.leave()
		}
	}()
	leave, err := t.queue.Enter(ctx, by.tenant, by.app)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	limits := t.limits
	limits.Kept, limits.Expanded = place.bytes, archive.Expanded(content)
	tree, err = t.read(ctx, bytes.NewReader(content), limits)
	return tree, place, err
}

// count is how many trees are there: those that requests hold, the spare one, and those that are kept whole.
func (t *trees) count() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return len(t.held) + t.store.Count(func(value any) bool {
		tree, ok := value.(*archive.Tree)
		return ok && tree.Whole() && t.held[tree.Hash()] == nil
	})
}
