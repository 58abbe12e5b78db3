package generate

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

// maxVariants is how many renders are kept for requests that differ only in what the tree holds: the branches and
// repositories that have the same folder.
const maxVariants = 8

// Cached answers from an earlier render, if everything that it read is the same in the request's tree.
type Cached struct {
	Next  Generator
	Store *store.Store
}

// renders are those of one key, the one used last first. They are replaced, never changed.
type renders []*Manifests

// renderKey keeps the keys of renders apart from other keys of the store.
type renderKey archive.Hash

// Generate looks for a render that still holds, and otherwise asks for a new one.
func (c Cached) Generate(ctx context.Context, request Request) (Result, error) {
	hash, err := request.key()
	if err != nil {
		return Result{}, err
	}
	key := renderKey(hash)
	known, _ := c.Store.Get(key)
	variants, _ := known.(renders)
	for _, v := range variants {
		if holds(v.reads, request.Tree) {
			return Result{v, FromCache}, nil
		}
	}
	start := time.Now()
	result, err := c.Next.Generate(ctx, request)
	if err != nil {
		return Result{}, err
	}
	kept := append(renders{result.Manifests}, variants...)
	kept = kept[:min(len(kept), maxVariants)]
	c.Store.Put(key, kept, kept.bytes(), time.Since(start)*time.Duration(len(kept)))
	return result, nil
}

// bytes is about how much memory they take.
func (r renders) bytes() (n int64) {
	const header, noted = 16, 72
	for _, m := range r {
		for _, list := range [][]string{m.Documents, m.Warnings} {
			for _, text := range list {
				n += int64(len(text)) + header
			}
		}
		for _, o := range m.reads {
			n += int64(len(o.name)) + noted
		}
	}
	return n
}
