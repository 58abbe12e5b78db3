package incluster

import (
	"errors"
	"log/slog"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// replica is one whose mirror fetches what a remote repository has.
type replica struct {
	herald
	revision string
	fetches  int
}

func newReplica(client *fake.Clientset, remote *string) *replica {
	r := &replica{revision: *remote}
	r.herald = herald{
		leases: client.CoordinationV1().Leases("argocd"), lease: "lease", log: slog.New(slog.DiscardHandler),
		seen:  func() string { return r.revision },
		fetch: func() { r.fetches++; r.revision = *remote },
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
