package incluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/tidegate/tidegate/generator/mirror"
)

// replica is one whose mirror fetches what a remote repository has.
type replica struct {
	herald
	revision string
	// before are the revisions that lead to it, as far as it knows.
	before  []string
	fetches int
}

func newReplica(client *fake.Clientset, remote *string) *replica {
	r := &replica{revision: *remote}
	r.herald = herald{
		leases: client.CoordinationV1().Leases("argocd"), lease: "lease", log: slog.New(slog.DiscardHandler),
		source: sourceOf("main", "https://token@example.com/platform.git"),
		state:  func() mirror.State { return mirror.State{Seen: r.revision, Revision: r.revision} },
		fetch:  func() { r.fetches++; r.before, r.revision = append(r.before, r.revision), *remote },
		follows: func(_ context.Context, other string) (bool, error) {
			return other == "" || slices.Contains(r.before, other), nil
		},
	}
	return r
}

func look(t *testing.T, replicas ...*replica) {
	t.Helper()
	for _, r := range replicas {
		if err := r.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWebhookThatReachesOneReplicaReachesAll(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "lease"}})
	remote := "first"
	a, b, c := newReplica(client, &remote), newReplica(client, &remote), newReplica(client, &remote)
	look(t, a, b, c, a, b, c)
	if a.fetches+b.fetches+c.fetches > 0 {
		t.Errorf("fetched %d, %d, %d times although nothing is new", a.fetches, b.fetches, c.fetches)
	}
	remote = "second"
	b.revision = remote
	look(t, a, b, c, a, b, c, a, b, c)
	if a.revision != remote || c.revision != remote || a.fetches != 1 || b.fetches != 0 || c.fetches != 1 {
		t.Errorf("%s after %d fetches, %s after %d", a.revision, a.fetches, c.revision, c.fetches)
	}
}

func TestWhatWasGoodLastIsKnownToReplicasToCome(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "lease"}})
	remote := "first"
	old := newReplica(client, &remote)
	if good, err := old.witness(t.Context()); good != "" || err != nil {
		t.Errorf("%q, %v", good, err)
	}
	look(t, old)
	// Seen, and not taken for the truth.
	old.state = func() mirror.State { return mirror.State{Seen: "rewritten", Revision: "first"} }
	look(t, old, old)
	fresh := newReplica(client, &remote)
	if good, err := fresh.witness(t.Context()); good != "first" || err != nil {
		t.Errorf("%q, %v", good, err)
	}
	for _, other := range []string{sourceOf("release", "https://example.com/platform"), sourceOf("main", "https://example.com/other")} {
		fresh.source = other
		if good, err := fresh.witness(t.Context()); good != "" || err != nil {
			t.Errorf("%s: %q, %v", other, good, err)
		}
	}
	lease, err := fresh.leases.Get(t.Context(), "lease", metav1.GetOptions{})
	if err != nil || strings.Contains(lease.Annotations[goodAnnotation], "token") {
		t.Errorf("%v, %v", lease.Annotations, err)
	}
}

// A replica that lags behind must not have those to come begin with less than others have served.
func TestAnOlderRevisionNeverTakesThePlaceOfANewerOne(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "lease"}})
	remote := "first"
	ahead, behind := newReplica(client, &remote), newReplica(client, &remote)
	remote = "second"
	ahead.fetch()
	look(t, ahead)
	behind.fetch = func() {} // the repository cannot be reached
	look(t, behind, ahead, behind)
	if good, err := behind.witness(t.Context()); good != "second" || err != nil {
		t.Errorf("%q, %v; want second", good, err)
	}
	remote = "third"
	ahead.fetch()
	look(t, behind, ahead, behind)
	if good, err := behind.witness(t.Context()); good != "third" || err != nil {
		t.Errorf("%q, %v; want third", good, err)
	}
}

func TestAReplicaWithoutTheLeaseTakesNothingForGood(t *testing.T) {
	remote, client := "", fake.NewClientset()
	r := newReplica(client, &remote)
	if good, err := r.witness(t.Context()); good != "" || err != nil {
		t.Errorf("the first replica there ever was: %q, %v", good, err)
	}
	client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("forbidden")
	})
	if _, err := r.witness(t.Context()); err == nil {
		t.Error("what cannot be read is taken for nothing")
	}
}

func TestARevisionThatTheRemoteDoesNotHaveIsAskedForOnce(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "argocd", Name: "lease", Annotations: map[string]string{revisionAnnotation: "a forgery"},
	}})
	remote := ""
	r := newReplica(client, &remote)
	look(t, r, r, r)
	if r.fetches != 1 {
		t.Errorf("%d fetches", r.fetches)
	}
}

func TestANewRevisionIsToldAgainAfterAConflict(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "lease"}})
	remote, conflicts := "first", 1
	client.PrependReactor("update", "leases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts == 0 {
			return false, nil, nil
		}
		conflicts--
		return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "lease", errors.New("changed"))
	})
	r := newReplica(client, &remote)
	look(t, r, r)
	lease, err := r.leases.Get(t.Context(), "lease", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Annotations[revisionAnnotation] != "first" {
		t.Errorf("%v", lease.Annotations)
	}
}

func TestWithoutTheLeaseReplicasGoOn(t *testing.T) {
	client := fake.NewClientset()
	remote := "first"
	look(t, newReplica(client, &remote))
	client.PrependReactor("get", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("forbidden")
	})
	r := newReplica(client, &remote)
	r.failed(t.Context(), r.look(t.Context()))
	if !r.failing {
		t.Error("nobody is told that replicas do not hear of each other")
	}
}
