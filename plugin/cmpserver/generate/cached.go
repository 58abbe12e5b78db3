package generate

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

// maxVariants is how many renders are kept for requests that differ only in what the tree holds: the branches of a
// repository.
const maxVariants = 32

// Recalled answers from an earlier render, if everything that it read is the same in the request's tree. It stands before the
// queue, so that what is known need not wait, and again behind it, where what has come up in the meantime is found.
type Recalled struct {
	Next  Generator
	Store *store.Store
}

// Kept keeps what Next renders.
type Kept struct {
	Next  Generator
	Store *store.Store
}

// Generate looks for a render that still holds, and otherwise asks for a new one.
func (r Recalled) Generate(ctx context.Context, request Request) (Result, error) {
	found, err := find(r.Store, request)
	if err != nil {
		return Result{}, err
	}
	if found != nil {
		return Result{found, FromCache}, nil
	}
	return r.Next.Generate(ctx, request)
}

// Generate has it rendered, and errors are not kept.
func (k Kept) Generate(ctx context.Context, request Request) (Result, error) {
	start := time.Now()
	result, err := k.Next.Generate(ctx, request)
	if err != nil {
		return Result{}, err
	}
	return result, keep(k.Store, request, result.Manifests, time.Since(start))
}

// The store holds, by what a request is without its substitutions, the names of those that matter to it; by what it is with
// these, which renders there are; and each render by itself, so that a large one drives out no other of its key.
type (
	variablesKey archive.Hash
	renderKey    archive.Hash
	variantKey   uint64
)

// variants are the renders of one key, the newest first. They are replaced, never changed.
type variants []variantKey

// lastVariant numbers renders.
var lastVariant atomic.Uint64

// variables are the names that any render of such a request is known to have used.
func variables(kept *store.Store, request Request) (variablesKey, []string, error) {
	hash, err := request.key(nil)
	known, _ := kept.Get(variablesKey(hash))
	names, _ := known.([]string)
	return variablesKey(hash), names, err
}

// find returns a render that would come out of the request's tree again, or nil.
func find(kept *store.Store, request Request) (*Manifests, error) {
	place, names, err := variables(kept, request)
	hash := archive.Hash(place)
	if err == nil && len(names) > 0 {
		hash, err = request.key(names)
	}
	if err != nil {
		return nil, err
	}
	known, _ := kept.Get(renderKey(hash))
	list, _ := known.(variants)
	for _, key := range list {
		value, _ := kept.Get(key)
		if m, ok := value.(*Manifests); ok && holds(m.reads, request.Tree) {
			return m, nil
		}
	}
	return nil, nil
}

// keep puts a render where find looks for it. What was kept under a key of fewer names is not found any more.
func keep(kept *store.Store, request Request, made *Manifests, cost time.Duration) error {
	place, names, err := variables(kept, request)
	if err != nil {
		return err
	}
	if all := union(names, made.variables); len(all) > len(names) {
		names = all
		kept.Put(place, names, textBytes(names), cost)
	}
	hash, err := request.key(names)
	if err != nil {
		return err
	}
	known, _ := kept.Get(renderKey(hash))
	old, _ := known.(variants)
	key := variantKey(lastVariant.Add(1))
	list := slices.Concat(variants{key}, old)
	list = list[:min(len(list), maxVariants)]
	kept.Put(key, made, made.bytes(), cost)
	kept.Put(renderKey(hash), list, int64(8*len(list)), cost)
	return nil
}

// bytes is about how much memory they take.
func (m *Manifests) bytes() int64 {
	const noted = 72
	n := textBytes(m.Documents) + textBytes(m.Warnings) + textBytes(m.variables)
	for _, o := range m.reads {
		n += int64(len(o.name)) + noted
	}
	return n
}

func textBytes(list []string) (n int64) {
	const header = 16
	for _, text := range list {
		n += int64(len(text)) + header
	}
	return n
}
