package cmpserver

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

// trees shares unpacked archives. Their checksum is the fast way to one that was unpacked before; since it changes with
// the time of a checkout, trees that hold the same are one whatever their checksums.
type trees struct {
	store  *store.Store
	queue  *generate.Queue
	limits archive.Limits
	mutex  sync.Mutex
	// busy are the checksums whose archives are being unpacked.
	busy map[string]chan struct{}
	// room is what the trees of all requests take, each tree once; held says how many requests hold one.
	room *semaphore.Weighted
	held map[archive.Hash]int
	from levels
}

// levels count how requests came by their trees.
type levels struct {
	// checksum: the same archive had been unpacked; content: another that held the same; unpacked: none had.
	checksum, content, unpacked atomic.Int64
}

// small is how much room is set aside for a tree at first, so that many can be unpacked at once.
func (t *trees) small() int64 { return max(1, t.limits.Kept/16) }

// weight is the room that a tree takes.
func (t *trees) weight(tree *archive.Tree) int64 { return min(tree.Bytes(), t.limits.Kept) }

// hold keeps room for a tree until it is released, and waits for it in turn.
func (t *trees) hold(ctx context.Context, tree *archive.Tree) (release func(), err error) {
	t.mutex.Lock()
	if t.held[tree.Hash()] > 0 {
		defer t.mutex.Unlock()
		return t.share(tree), nil
	}
	t.mutex.Unlock()
	if err := t.room.Acquire(ctx, t.weight(tree)); err != nil {
		return nil, err
	}
	return t.settle(tree, t.weight(tree)), nil
}

// settle turns room that was set aside into what the tree takes; nothing, if another request holds it.
func (t *trees) settle(tree *archive.Tree, reserved int64) (release func()) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.held[tree.Hash()] == 0 {
		reserved -= t.weight(tree)
	}
	t.room.Release(reserved)
	return t.share(tree)
}

// share counts one request more for a tree. The mutex is held.
func (t *trees) share(tree *archive.Tree) (release func()) {
	t.held[tree.Hash()]++
	return sync.OnceFunc(func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		if t.held[tree.Hash()]--; t.held[tree.Hash()] == 0 {
			delete(t.held, tree.Hash())
			t.room.Release(t.weight(tree))
		}
	})
}

// checksumKey leads to a hash, hashKey to a tree.
type (
	checksumKey string
	hashKey     archive.Hash
)

// byChecksum returns a tree that was unpacked from an archive of that checksum, or nil. Only checksums that were
// compared with an archive lead to one.
func (t *trees) byChecksum(checksum string) *archive.Tree {
	hash, ok := t.store.Get(checksumKey(checksum))
	if !ok {
		return nil
	}
	tree, _ := t.store.Get(hash)
	found, _ := tree.(*archive.Tree)
	return found
}

// unpack returns the tree of an archive whose checksum was verified, which is to be released. One archive is unpacked once
// at a time.
func (t *trees) unpack(ctx context.Context, checksum string, content []byte, tenant string) (*archive.Tree, func(), error) {
	for {
		if tree := t.byChecksum(checksum); tree != nil {
			t.from.checksum.Add(1)
			release, err := t.hold(ctx, tree)
			return tree, release, err
		}
		t.mutex.Lock()
		done, busy := t.busy[checksum]
		if !busy {
			done = make(chan struct{})
			t.busy[checksum] = done
			t.mutex.Unlock()
			return t.unpackNow(ctx, checksum, content, tenant, done)
		}
		t.mutex.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (t *trees) unpackNow(ctx context.Context, checksum string, content []byte, tenant string, done chan struct{}) (*archive.Tree, func(), error) {
	defer func() {
		t.mutex.Lock()
		delete(t.busy, checksum)
		t.mutex.Unlock()
		close(done)
	}()
	start := time.Now()
	reserved := t.small()
	tree, err := t.unpackWithin(ctx, reserved, content, tenant)
	var refused *archive.RefusedError
	if errors.As(err, &refused) && reserved < t.limits.Kept {
		reserved = t.limits.Kept
		tree, err = t.unpackWithin(ctx, reserved, content, tenant)
	}
	if err != nil {
		return nil, nil, err
	}
	if known, ok := t.store.Get(hashKey(tree.Hash())); ok {
		tree = known.(*archive.Tree)
		t.from.content.Add(1)
	} else {
		t.from.unpacked.Add(1)
		t.store.Put(hashKey(tree.Hash()), tree, tree.Bytes(), time.Since(start))
	}
	t.store.Put(checksumKey(checksum), hashKey(tree.Hash()), int64(len(checksum)), time.Since(start))
	return tree, t.settle(tree, reserved), nil
}

// unpackWithin sets room aside and unpacks. The room stays set aside if there is a tree.
func (t *trees) unpackWithin(ctx context.Context, room int64, content []byte, tenant string) (tree *archive.Tree, err error) {
	if err := t.room.Acquire(ctx, room); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.room.Release(room)
		}
	}()
	leave, err := t.queue.Enter(ctx, tenant)
	if err != nil {
		return nil, err
	}
	defer leave()
	limits := t.limits
	limits.Kept = room
	return archive.Unpack(ctx, bytes.NewReader(content), limits)
}

// count is how many trees are kept.
func (t *trees) count() int {
	return t.store.Count(func(value any) bool { _, ok := value.(*archive.Tree); return ok })
}
