package incluster

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/util/git"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"

	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
)

const (
	// revisionAnnotation of the Lease is the commit that a replica has seen last.
	revisionAnnotation = "tidegate.dev/revision"
	// goodAnnotation is the last good commit, with the branch and the repository that it is of.
	goodAnnotation = "tidegate.dev/good-revision"
)

// heraldEvery is how often it is looked.
const heraldEvery = time.Second

// herald has replicas tell each other of a new revision: a webhook reaches one of them, and all answer. What one writes into
// the Lease has the others fetch; they believe nothing of it. What was good last stays there for replicas to come, whose
// copies are empty.
type herald struct {
	leases coordination.LeaseInterface
	lease  string
	// source is the branch and the repository.
	source string
	// state is what this replica's mirror knows, fetch has it look.
	state func() mirror.State
	fetch func()
	// follows tells whether the last good revision follows another one, or was taken instead of it.
	follows func(ctx context.Context, other string) (bool, error)
	log     *slog.Logger

	mine, theirs string
	// good and beside are the last good revisions, this replica's and that of the others, that were compared last.
	good, beside string
	failing      bool
}

// sourceOf names a branch of a repository in a word or two.
func sourceOf(branch, url string) string {
	return cmp.Or(branch, "HEAD") + " " + git.NormalizeGitURLAllowInvalid(credentials.Shown(url))
}

// witness is the last good commit as the Lease has it; empty where there is none of this source.
func (h *herald) witness(ctx context.Context) (string, error) {
	lease, err := h.leases.Get(ctx, h.lease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil // the first one that there ever was
	}
	if err != nil {
		return "", err
	}
	return h.goodOf(lease), nil
}

// goodOf is the last good commit in a Lease; empty for one of another source.
func (h *herald) goodOf(lease *coordinationv1.Lease) string {
	revision, source, _ := strings.Cut(lease.Annotations[goodAnnotation], " ")
	if source != h.source {
		return ""
	}
	return revision
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
	state, theirs := h.state(), lease.Annotations[revisionAnnotation]
	news := map[string]string{}
	if state.Seen != h.mine && state.Seen != theirs {
		news[revisionAnnotation], theirs = state.Seen, state.Seen
	}
	beside := h.goodOf(lease)
	if newer, err := h.newer(ctx, state.Revision, beside); err != nil {
		return err
	} else if newer {
		news[goodAnnotation] = state.Revision + " " + h.source
	}
	if err := h.tell(ctx, lease, news); apierrors.IsConflict(err) {
		return nil // the leader has renewed it: the next look tells
	} else if err != nil {
		return err
	}
	if theirs != h.theirs && theirs != state.Seen {
		h.fetch()
	}
	h.mine, h.theirs, h.good, h.beside = state.Seen, theirs, state.Revision, beside
	return nil
}

// newer tells whether this replica's last good revision takes the place of that of the others: a replica that lags behind,
// as one does that has just been started, must not have those to come begin with less. What was compared is not again.
func (h *herald) newer(ctx context.Context, good, beside string) (bool, error) {
	if good == "" || good == beside || good == h.good && beside == h.beside {
		return false, nil
	}
	return h.follows(ctx, beside)
}

// tell writes annotations of the Lease.
func (h *herald) tell(ctx context.Context, lease *coordinationv1.Lease, news map[string]string) error {
	if len(news) == 0 {
		return nil
	}
	lease = lease.DeepCopy()
	for key, value := range news {
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, key, value)
	}
	_, err := h.leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// failed tells the log once: without the others each replica fetches at its interval.
func (h *herald) failed(ctx context.Context, err error) {
	failing := err != nil && ctx.Err() == nil
	if failing && !h.failing {
		h.log.Warn("replicas cannot tell each other of new revisions: each fetches at its interval", "lease", h.lease, "error", err)
	}
	h.failing = failing
}
