// Package webhook lets a forge say that the config repository has been pushed to.
//
// It believes nothing that is not signed with the secret that Argo CD has for that forge, and passes nothing on of what it
// is told: the repository is fetched, and says itself what is new.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody is how large a payload may be: GitHub's own limit.
const maxBody = 25 << 20

const (
	// atOnce is how many payloads are verified at a time.
	atOnce = 4
	// maxHeld is how many bytes of payloads are held at a time, of which one that has not arrived takes little: whoever sends
	// slowly, or nothing at all, keeps no forge waiting.
	maxHeld = 4 * maxBody
	// piece is how many bytes are read at a time.
	piece = 8 << 10
	// secretsFor is how long the secrets that were read last will do: whoever may ask need not be known.
	secretsFor = time.Second
)

// Followed is what a push is of interest for.
type Followed interface {
	// URL and Branch are what is followed; an empty branch or HEAD is the repository's own.
	URL() string
	Branch() string
	// Fetch asks for a fetch soon. Several are one.
	Fetch()
}

// Handler answers POST requests of forges.
type Handler struct {
	followed Followed
	secrets  func(context.Context) (map[string][]byte, error)
	log      *slog.Logger
	slots    chan struct{}
	held     atomic.Int64

	mu   sync.Mutex
	data map[string][]byte
}

// New returns a handler. secrets returns the data of argocd-secret, of which the keys webhook.* are read for each request,
// and at most once a second.
func New(followed Followed, secrets func(context.Context) (map[string][]byte, error), log *slog.Logger) *Handler {
	return &Handler{followed: followed, secrets: secrets, log: log, slots: make(chan struct{}, atOnce)}
}

// refusal is an answer that is no success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, arguments ...any) error {
	return &refusal{status, fmt.Sprintf(format, arguments...)}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	said, err := h.serve(w, r)
	status := http.StatusOK
	if err != nil {
		status, said = http.StatusInternalServerError, err.Error()
		var known *refusal
		if errors.As(err, &known) {
			status = known.status
		}
		h.log.Warn("a webhook was refused", "status", status, "reason", said)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := fmt.Fprintln(w, said); err != nil {
		h.log.Debug("a webhook's sender has left", "error", err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", refuse(http.StatusMethodNotAllowed, "a webhook is a POST request")
	}
	forge := forgeOf(r.Header)
	if forge == nil {
		return "", refuse(http.StatusBadRequest, "this is no webhook of GitHub, GitLab, Bitbucket, Gogs, Gitea or Azure DevOps")
	}
	data, err := h.known(r.Context())
	if err != nil {
		h.log.Error("the secrets of webhooks cannot be read", "error", err)
		return "", refuse(http.StatusServiceUnavailable, "the secrets of webhooks cannot be read")
	}
	if err := forge.configured(data); err != nil {
		return "", err
	}
	pushed, err := h.verified(w, r, func(r *http.Request) (*push, error) { return forge.verify(data, r) })
	if err != nil {
		return "", err
	}
	if why := h.irrelevant(pushed); why != "" {
		return "ignored: " + why, nil
	}
	h.log.Info("a webhook says that the repository has been pushed to", "forge", forge.name)
	h.followed.Fetch()
	return "the repository is fetched", nil
}

// known are the secrets, as they were at most a second ago.
func (h *Handler) known(ctx context.Context) (map[string][]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.data != nil {
		return h.data, nil
	}
	data, err := h.secrets(ctx)
	if err != nil {
		return nil, err
	}
	h.data = data
	time.AfterFunc(secretsFor, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.data = nil
	})
	return data, nil
}

// verified reads a payload, and then has it verified: what has not arrived takes nobody's turn.
func (h *Handler) verified(w http.ResponseWriter, r *http.Request, verify func(*http.Request) (*push, error)) (*push, error) {
	var body bytes.Buffer
	var held int64
	defer func() { h.held.Add(-held) }()
	for from := http.MaxBytesReader(w, r.Body, maxBody); ; {
		held += piece
		if h.held.Add(piece) > maxHeld {
			return nil, refuse(http.StatusServiceUnavailable, "too many webhooks at once; the repository is fetched regularly anyway")
		}
		_, err := io.CopyN(&body, from, piece)
		if errors.Is(err, io.EOF) {
			break
		}
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, refuse(http.StatusRequestEntityTooLarge, "the payload is larger than %d bytes", maxBody)
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "the payload did not arrive: %v", err)
		}
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-r.Context().Done():
		return nil, refuse(http.StatusServiceUnavailable, "too many webhooks at once; the repository is fetched regularly anyway")
	}
	r.Body = io.NopCloser(&body)
	return verify(r)
}
