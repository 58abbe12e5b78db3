package mirror

import "slices"

// Accept confirms a commit as Options.Accept does, after the mirror was opened.
func (m *Mirror) Accept(revision string) {
	m.mu.Lock()
	known := slices.Contains(m.accept, revision)
	if !known {
		m.accept = append(m.accept, revision)
	}
	m.mu.Unlock()
	if !known {
		m.Fetch()
	}
}
