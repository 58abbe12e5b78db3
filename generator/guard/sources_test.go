package guard_test

import (
	"context"

	"github.com/tidegate/tidegate/generator/catalog"
)

// turnsDoubtful is a repository of which it is found out while it is read that it may not be the truth.
type turnsDoubtful struct {
	*world
	says string
}

func (d *turnsDoubtful) Read(ctx context.Context) (*catalog.View, error) {
	view, err := d.world.Read(ctx)
	d.says = "the branch was rewritten"
	return view, err
}
