package cmpserver

import "context"

// rooms are the memory of the trees that requests hold. A render may hold its tree for as long as Argo CD waits for it, so
// small trees have a room of their own in which no large one takes the room or a place in the line, and neither one tree
// nor all those of one tenant ever take all of the other, or of this one.
type rooms struct {
	main, nook *pool
	// largest is what one tree may take, and small what it takes at most to be let into the nook.
	largest, small int64
}

// newRooms divides so many bytes. Of 96 MiB a tree may take 64, and 16 are for those of 4 MiB at most.
func newRooms(bytes int64) *rooms {
	nook := bytes / 6
	largest := max(1, bytes*2/3)
	return &rooms{
		main: newPool(bytes-nook, largest), nook: newPool(nook, nook/2),
		largest: largest, small: min(largest/16, nook),
	}
}

// enter sets room aside for a tree of so many bytes, and waits for it in turn.
func (r *rooms) enter(ctx context.Context, tenant string, bytes int64) (*place, error) {
	p := &place{r.main, tenant, min(bytes, r.largest)}
	if p.bytes <= r.small {
		if p.room.tryAcquire(tenant, p.bytes) {
			return p, nil
		}
		p.room = r.nook
	}
	if err := p.room.acquire(ctx, tenant, p.bytes); err != nil {
		return nil, err
	}
	return p, nil
}

// place is the room that is set aside for one tree.
type place struct {
	room   *pool
	tenant string
	bytes  int64
}

// shrink gives back what a tree of so many bytes does not need.
func (p *place) shrink(bytes int64) {
	if spare := p.bytes - bytes; spare > 0 {
		p.room.release(p.tenant, spare)
		p.bytes = bytes
	}
}

func (p *place) leave() { p.shrink(0) }

// rest leaves the tree where it is, of which the tenant then has nothing, unless others wait for its room; resume ends that.
func (p *place) rest() bool { return p.room.rest(p.tenant, p.bytes) }
func (p *place) resume()    { p.room.resume(p.tenant, p.bytes) }
