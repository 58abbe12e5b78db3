package generate

import (
	"context"
	"slices"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

// maxVariants is how many renders are kept for requests that differ only in what the tree holds: the branches and
// repositories that have the same folder.
const maxVariants = 8

// Recalled answers from an earlier render, if everything that it read is the same in the request's tree.
type Recalled struct {
	Next  Generator
	Store *store.Store
}

// Cached does too, and keeps what Next renders. It stands behind the queue, where what has come up in the meantime is
// found; Recalled stands before it, so that what is known need not wait.
type Cached struct {
	Next  Generator
	Store *store.Store
}

// Generate looks for a render that still holds, and otherwise asks for a new one.
func (r Recalled) Generate(ctx context.Context, request Request) (Result, error) {
	known, err := find(r.Store, request)
	if err != nil {
		return Result{}, err
	}
	if found := known.held(request.Tree); found != nil {
		return Result{found, FromCache}, nil
	}
	return r.Next.Generate(ctx, request)
}

// Generate looks for a render that still holds, and otherwise makes a new one.
func (c Cached) Generate(ctx context.Context, request Request) (Result, error) {
	known, err := find(c.Store, request)
	if err != nil {
		return Result{}, err
	}
	if found := known.held(request.Tree); found != nil {
		return Result{found, FromCache}, nil
	}
	start := time.Now()
	result, err := c.Next.Generate(ctx, request)
	if err != nil {
		return Result{}, err
	}
	return result, keep(c.Store, request, result.Manifests, time.Since(start))
}

// The store holds, by what a request is without its substitutions, the names of those that matter to it, and by what it is
// with these, its renders.
type (
	variablesKey archive.Hash
	renderKey    archive.Hash
)

// renders are those of one key, the one used last first. They are replaced, never changed.
type renders []*Manifests

// variables are the names that any render of such a request is known to have used.
func variables(kept *store.Store, request Request) (variablesKey, []string, error) {
	hash, err := request.key(nil)
	known, _ := kept.Get(variablesKey(hash))
	names, _ := known.([]string)
	return variablesKey(hash), names, err
}

func find(kept *store.Store, request Request) (renders, error) {
	_, names, err := variables(kept, request)
	if err != nil {
		return nil, err
	}
	hash, err := request.key(names)
	if err != nil {
		return nil, err
	}
	known, _ := kept.Get(renderKey(hash))
	variants, _ := known.(renders)
	return variants, nil
}

// keep puts a render where find looks for it. Renders of before, whose key had fewer names, are found no more.
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
	key := renderKey(hash)
	known, _ := kept.Get(key)
	variants, _ := known.(renders)
	variants = slices.Concat(renders{made}, variants)
	variants = variants[:min(len(variants), maxVariants)]
	kept.Put(key, variants, variants.bytes(), cost*time.Duration(len(variants)))
	return nil
}

// held is the first that would come out of the tree again.
func (r renders) held(tree *archive.Tree) *Manifests {
	for _, m := range r {
		if holds(m.reads, tree) {
			return m
		}
	}
	return nil
}

// bytes is about how much memory they take.
func (r renders) bytes() (n int64) {
	const noted = 72
	for _, m := range r {
		n += textBytes(m.Documents) + textBytes(m.Warnings) + textBytes(m.variables)
		for _, o := range m.reads {
			n += int64(len(o.name)) + noted
		}
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
