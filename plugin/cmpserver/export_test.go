package cmpserver

import (
	"context"
	"io"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
)

// BeforeUnpacking has a server call do each time when it is about to unpack an archive.
func (s *Server) BeforeUnpacking(do func()) {
	read := s.trees.read
	s.trees.read = func(ctx context.Context, r io.Reader, limits archive.Limits) (*archive.Tree, error) {
		do()
		return read(ctx, r, limits)
	}
}
