package render

import "context"

// NewEscalating is New with a child of the test's choice.
func NewEscalating(then Renderer) Renderer {
	return escalating{first: NewInProcess(), then: then}
}

// TakeAll takes all that is shared, as other renders would, and waits until it is free.
func (m *Memory) TakeAll(ctx context.Context) (leave func(), err error) {
	return m.admit(ctx, "others", m.size)
}

// Waited says whether somebody waits for it.
func (m *Memory) Waited() bool { return !m.shared.TryAcquire(0) }
