package informer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// State tells whether what an informer holds can be trusted.
type State struct {
	// Synced says that everything was read at least once.
	Synced bool
	// Contact is when the API server last confirmed what is held.
	Contact time.Time
	// Doubt is why what is held may not be the truth; empty for none.
	Doubt string
}

// And is the state of two things that are needed both.
func (s State) And(other State) State {
	out := State{Synced: s.Synced && other.Synced, Contact: s.Contact, Doubt: s.Doubt}
	if other.Contact.Before(s.Contact) {
		out.Contact = other.Contact
	}
	if s.Doubt == "" {
		out.Doubt = other.Doubt
	}
	return out
}

// health remembers how the last requests went. Listing and watching are told apart: who may list but not watch would
// otherwise look well every other second.
type health struct {
	what  string
	limit time.Duration

	mu                sync.Mutex
	contact           time.Time
	listErr, watchErr error
	// changed receives after each request.
	changed chan struct{}
}

func newHealth(what string, limit time.Duration) *health {
	return &health{what: what, limit: limit, changed: make(chan struct{}, 1)}
}

func (h *health) tell() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// listed remembers how a list went.
func (h *health) listed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listErr = err; err == nil {
		h.contact = time.Now()
	}
	h.tell()
}

// watched remembers how the opening of a watch went, or what came of it.
func (h *health) watched(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchErr = err
	h.tell()
}

// heard remembers that a watch goes on: it brings events in order, so nothing from before is missing.
func (h *health) heard() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.contact = time.Now()
}

func (h *health) failing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.listErr != nil || h.watchErr != nil
}

func (h *health) state(synced bool, now time.Time) State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return State{Synced: synced, Contact: h.contact, Doubt: h.doubt(synced, now)}
}

func (h *health) doubt(synced bool, now time.Time) string {
	last := h.listErr
	if last == nil {
		last = h.watchErr
	}
	if denied(h.listErr) {
		return fmt.Sprintf("%s may not be listed: %v; %s", h.what, h.listErr, bind)
	}
	if denied(h.watchErr) {
		// client-go makes "unknown" of what the API server says of a watch.
		return fmt.Sprintf("%s may not be watched (HTTP %d); %s", h.what, status(h.watchErr), bind)
	}
	text := ""
	switch {
	case !synced:
		text = h.what + " have not been read yet"
	case now.Sub(h.contact) > h.limit:
		text = fmt.Sprintf("%s: nothing heard from the API server since %s, which is more than %s ago",
			h.what, h.contact.UTC().Format(time.RFC3339), h.limit)
	}
	if text != "" && last != nil {
		text += ": " + last.Error()
	}
	return text
}

const bind = "bind the Role of manifests/generator-rbac.yaml to the generator's ServiceAccount"

func denied(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

func status(err error) int32 {
	var said apierrors.APIStatus
	if errors.As(err, &said) {
		return said.Status().Code
	}
	return 0
}
