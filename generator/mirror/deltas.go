package mirror

import (
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// chosen are objects, each whole or as the delta of another one, as go-git's encoder asks for them.
type chosen struct {
	storer.EncodedObjectStorer
	objects map[plumbing.Hash]plumbing.EncodedObject
}

// DeltaObject returns an object as it was chosen.
func (c *chosen) DeltaObject(_ plumbing.ObjectType, hash plumbing.Hash) (plumbing.EncodedObject, error) {
	if object := c.objects[hash]; object != nil {
		return object, nil
	}
	return nil, plumbing.ErrObjectNotFound
}

// choose takes the deltas that there are. Of two objects that are in several packs each may be a delta of the other somewhere: one of
// those that lead back to themselves is taken whole, for the encoder follows deltas to their end, and its stack would run over.
func choose(from storer.EncodedObjectStorer, hashes []plumbing.Hash) (*chosen, error) {
	c := &chosen{EncodedObjectStorer: from, objects: make(map[plumbing.Hash]plumbing.EncodedObject, len(hashes))}
	read := from.EncodedObject
	if deltas, ok := from.(storer.DeltaObjectStorer); ok {
		read = deltas.DeltaObject
	}
	for _, hash := range hashes {
		object, err := read(plumbing.AnyObject, hash)
		if err != nil {
			return nil, err
		}
		c.objects[hash] = object
	}
	ends := make(map[plumbing.Hash]bool, len(hashes))
	for _, hash := range hashes {
		if err := c.breakFrom(hash, ends); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// breakFrom follows an object's deltas until one that is known to come to an end, or that has been met on the way.
func (c *chosen) breakFrom(hash plumbing.Hash, ends map[plumbing.Hash]bool) error {
	way := map[plumbing.Hash]bool{}
	for !ends[hash] {
		delta, is := c.objects[hash].(plumbing.DeltaObject)
		if !is {
			break
		}
		if way[hash] {
			whole, err := c.EncodedObject(plumbing.AnyObject, hash)
			if err != nil {
				return err
			}
			c.objects[hash] = whole
			break
		}
		way[hash] = true
		hash = delta.BaseHash()
	}
	for known := range way {
		ends[known] = true
	}
	return nil
}
