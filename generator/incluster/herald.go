package incluster

import (
	"context"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// revisionAnnotation of the Lease is the commit that a replica has seen last.
const revisionAnnotation = "tidegate.dev/revision"

// heraldEvery is how often it is looked.
const heraldEvery = time.Second

// herald has replicas tell each other of a new revision: a webhook reaches one of them, and all answer. What one writes into
// the Lease has the others fetch; they believe nothing of it.
type herald struct {
	leases coordination.LeaseInterface
	lease  string
	// seen is the commit that this replica's mirror has seen, fetch has it look.
	seen  func() string
	fetch func()
	log   *slog.Logger

	mine, theirs string
	failing      bool
}

// run looks until the context ends.
func (h *herald) run(ctx context.Context) error {
	ticker := time.NewTicker(heraldEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			h.failed(ctx, h.look(ctx))
		}
	}
}

// look tells the others, or is told by them.
func (h *herald) look(ctx context.Context) error {
	lease, err := h.leases.Get(ctx, h.lease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil // nobody leads yet
	}
	if err != nil {
		return err
	}
	mine, theirs := h.seen(), lease.Annotations[revisionAnnotation]
	if mine != h.mine && mine != theirs {
		lease = lease.DeepCopy()
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, revisionAnnotation, mine)
		if _, err := h.leases.Update(ctx, lease, metav1.UpdateOptions{}); apierrors.IsConflict(err) {
			return nil // the leader has renewed it: the next look tells
		} else if err != nil {
			return err
		}
		theirs = mine
	}
	if theirs != h.theirs && theirs != mine {
		h.fetch()
	}
	h.mine, h.theirs = mine, theirs
	return nil
}

// failed tells the log once: without the others each replica fetches at its interval.
func (h *herald) failed(ctx context.Context, err error) {
	failing := err != nil && ctx.Err() == nil
	if failing && !h.failing {
		h.log.Warn("replicas cannot tell each other of new revisions: each fetches at its interval", "lease", h.lease, "error", err)
	}
	h.failing = failing
}
