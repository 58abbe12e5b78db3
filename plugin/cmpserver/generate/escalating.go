package generate

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/plugin/render"
)

// ErrTooMuch says that a render needs more than this process should give it.
var ErrTooMuch = errors.New("too much to render in this process")

// Escalating asks for a process where rendering in this one would be too much, or where renders that cannot be stopped
// already take more than their share.
type Escalating struct{ InProcess, InChild Generator }

// Generate tries this process first.
func (e Escalating) Generate(ctx context.Context, request Request) (Result, error) {
	result, tooMuch := e.InProcess.Generate(ctx, request)
	if !errors.Is(tooMuch, ErrTooMuch) {
		return result, tooMuch
	}
	if request.escalated != nil {
		request.escalated(tooMuch)
	}
	result, err := e.InChild.Generate(ctx, request)
	return result, render.Because(err, tooMuch)
}
