package cmpserver

import (
	"bytes"
	"context"
	"sync"
	"time"

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

// unpack returns the tree of an archive whose checksum was verified. One archive is unpacked once at a time.
func (t *trees) unpack(ctx context.Context, checksum string, content []byte, tenant string) (*archive.Tree, error) {
	for {
		if tree := t.byChecksum(checksum); tree != nil {
			return tree, nil
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
			return nil, ctx.Err()
		}
	}
}

func (t *trees) unpackNow(ctx context.Context, checksum string, content []byte, tenant string, done chan struct{}) (*archive.Tree, error) {
	defer func() {
		t.mutex.Lock()
		delete(t.busy, checksum)
		t.mutex.Unlock()
		close(done)
	}()
	leave, err := t.queue.Enter(ctx, tenant)
	if err != nil {
		return nil, err
	}
	defer leave()
	start := time.Now()
	tree, err := archive.Unpack(ctx, bytes.NewReader(content), t.limits)
	if err != nil {
		return nil, err
	}
	if known, ok := t.store.Get(hashKey(tree.Hash())); ok {
		tree = known.(*archive.Tree)
	} else {
		t.store.Put(hashKey(tree.Hash()), tree, tree.Bytes(), time.Since(start))
	}
	t.store.Put(checksumKey(checksum), hashKey(tree.Hash()), int64(len(checksum)), time.Since(start))
	return tree, nil
}

// count is how many trees are kept.
func (t *trees) count() int {
	return t.store.Count(func(value any) bool { _, ok := value.(*archive.Tree); return ok })
}
