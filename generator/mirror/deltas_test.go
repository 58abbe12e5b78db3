package mirror

import (
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// packs have objects as deltas of others; those without a base are whole.
type packs struct {
	storer.EncodedObjectStorer
	bases map[plumbing.Hash]plumbing.Hash
}

func (p *packs) EncodedObject(plumbing.ObjectType, plumbing.Hash) (plumbing.EncodedObject, error) {
	return &plumbing.MemoryObject{}, nil
}

func (p *packs) DeltaObject(t plumbing.ObjectType, hash plumbing.Hash) (plumbing.EncodedObject, error) {
	base, is := p.bases[hash]
	if !is {
		return p.EncodedObject(t, hash)
	}
	return &based{base: base}, nil
}

// based is a delta.
type based struct {
	plumbing.DeltaObject
	base plumbing.Hash
}

func (b *based) BaseHash() plumbing.Hash { return b.base }

func TestDeltasThatLeadBackToThemselvesAreBroken(t *testing.T) {
	object := func(name byte) plumbing.Hash { return plumbing.Hash{name} }
	hashes := []plumbing.Hash{object('a'), object('b'), object('c'), object('d'), object('e'), object('f'), object('g')}
	p := &packs{bases: map[plumbing.Hash]plumbing.Hash{
		object('a'): object('b'), object('b'): object('c'), object('c'): object('b'), // into a circle of two
		object('d'): object('d'),                           // of itself
		object('e'): object('f'), object('f'): object('x'), // to one that is not among them
	}}
	got, err := choose(p, hashes)
	if err != nil {
		t.Fatal(err)
	}
	deltas := 0
	for _, hash := range hashes {
		steps := 0
		for delta, is := got.objects[hash].(plumbing.DeltaObject); is; delta, is = got.objects[hash].(plumbing.DeltaObject) {
			if hash = delta.BaseHash(); steps > len(hashes) {
				t.Fatalf("the deltas of %s have no end", hash)
			}
			steps++
		}
		if steps > 0 {
			deltas++
		}
	}
	if deltas != 4 {
		t.Errorf("%d are deltas: all but one of the circle of two, and the one of itself, shall be, and g is none", deltas)
	}
}
