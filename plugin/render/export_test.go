package render

// NewEscalating is New with a child of the test's choice.
func NewEscalating(then Renderer) Renderer {
	return escalating{first: NewInProcess(), then: then}
}
