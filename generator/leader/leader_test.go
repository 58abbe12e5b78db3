package leader_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/tidegate/tidegate/generator/leader"
)

// replicas take part in elections by client-go's fake API server.
type replicas struct {
	t      *testing.T
	client *fake.Clientset

	mu      sync.Mutex
	working []string
	// most is how many ever worked at once.
	most int
	// slow is how long the work takes to end.
	slow time.Duration
	// holder is who had the Lease when work ended.
	holder []string
	// refused is whose updates of the Lease fail. With returnable, it can be given back nevertheless.
	refused    string
	returnable bool
}

func newReplicas(t *testing.T) *replicas {
	r := &replicas{t: t, client: fake.NewClientset()}
	r.client.PrependReactor("update", "leases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		by := holder(action.(clienttesting.UpdateAction).GetObject())
		// Without a holder it is given back.
		return r.refused != "" && (by == r.refused || by == "" && !r.returnable), nil, errors.New("no route to host")
	})
	return r
}

func (r *replicas) refuse(identity string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = identity
}

func (r *replicas) work(identity string) func(context.Context) {
	return func(ctx context.Context) {
		r.mu.Lock()
		r.working = append(r.working, identity)
		r.most = max(r.most, len(r.working))
		r.mu.Unlock()
		<-ctx.Done()
		time.Sleep(r.slow)
		lease, err := r.client.Tracker().Get(leases, "argocd", leader.DefaultLease)
		if err != nil {
			r.t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.holder = append(r.holder, holder(lease))
		r.working = r.working[:len(r.working)-1]
	}
}

// start has a replica take part until stop is called.
func (r *replicas) start(identity string) (election *leader.Election, stop func()) {
	election, err := leader.New(leader.Options{Client: r.client, Namespace: "argocd", Identity: identity})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := election.Run(ctx, r.work(identity)); !errors.Is(err, context.Canceled) {
			r.t.Error(err)
		}
	}()
	return election, func() { cancel(); <-done }
}

func (r *replicas) who() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.working, " ")
}

func TestOneOfTwoReplicasWorksAndTheOtherTakesOverWhenItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		r.slow = 3 * time.Second
		first, stopFirst := r.start("first")
		time.Sleep(time.Second)
		second, stopSecond := r.start("second")
		time.Sleep(time.Minute)
		if got := r.who(); got != "first" || !first.Leads() || second.Leads() {
			t.Errorf("%q works", got)
		}
		if gauge(t, first.Collector()) != 1 || gauge(t, second.Collector()) != 0 {
			t.Errorf("metrics %v %v", gauge(t, first.Collector()), gauge(t, second.Collector()))
		}
		stopFirst()
		if r.holder[0] != "first" {
			t.Errorf("the Lease belonged to %q when the work of first ended: it was given back too early", r.holder[0])
		}
		// It was given back, so nobody waits for it to run out.
		time.Sleep(5 * time.Second)
		if got := r.who(); got != "second" || first.Leads() || !second.Leads() || gauge(t, first.Collector()) != 0 {
			t.Errorf("%q works", got)
		}
		stopSecond()
		if r.most != 1 {
			t.Errorf("%d worked at once", r.most)
		}
	})
}

func TestALeaderThatCannotRenewStopsBeforeAnotherBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		first, stopFirst := r.start("first")
		time.Sleep(time.Second)
		_, stopSecond := r.start("second")
		time.Sleep(time.Minute)
		r.refuse("first")
		time.Sleep(12 * time.Second)
		if got := r.who(); got != "" || first.Leads() {
			t.Errorf("%q works without a Lease", got)
		}
		time.Sleep(20 * time.Second)
		if got := r.who(); got != "second" {
			t.Errorf("%q works", got)
		}
		r.refuse("")
		stopSecond()
		time.Sleep(20 * time.Second)
		if got := r.who(); got != "first" {
			t.Errorf("%q works: who lost the Lease takes part again", got)
		}
		stopFirst()
		if r.most != 1 {
			t.Errorf("%d worked at once", r.most)
		}
	})
}

func TestALeaderThatCannotRenewGivesTheLeaseBackWhenItsWorkHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		r.slow, r.returnable = 2*time.Second, true // of 3 s, after which the Lease runs out
		_, stopFirst := r.start("first")
		time.Sleep(time.Second)
		_, stopSecond := r.start("second")
		time.Sleep(time.Minute)
		r.refuse("first")
		time.Sleep(30 * time.Second)
		if got := r.who(); got != "second" {
			t.Errorf("%q works", got)
		}
		if r.holder[0] != "first" {
			t.Errorf("the Lease belonged to %q when the work of first ended", r.holder[0])
		}
		stopFirst()
		stopSecond()
		if r.most != 1 {
			t.Errorf("%d worked at once", r.most)
		}
	})
}

func TestALeaderThatFindsTheLeaseAgainEndsItsOldWorkFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		r.slow = time.Minute
		_, stop := r.start("first")
		r.refuse("first")
		time.Sleep(12 * time.Second)
		r.refuse("")
		time.Sleep(5 * time.Minute)
		if got := r.who(); got != "first" {
			t.Errorf("%q works", got)
		}
		stop()
		if r.most != 1 {
			t.Errorf("%d worked at once", r.most)
		}
	})
}

func TestAReplicaThatIsNotElectedStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t)
		_, stopFirst := r.start("first")
		time.Sleep(time.Second)
		_, stopSecond := r.start("second")
		time.Sleep(time.Second)
		before := time.Now()
		stopSecond()
		if waited := time.Since(before); waited != 0 {
			t.Errorf("it waited for %s", waited)
		}
		stopFirst()
	})
}

func TestWhyNobodyCanBeElectedIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		client := fake.NewClientset()
		client.PrependReactor("create", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(leases.GroupResource(), "tidegate-generator", errors.New("cannot create"))
		})
		election, err := leader.New(leader.Options{Client: client, Namespace: "argocd", Identity: "first", Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := election.Run(ctx, func(context.Context) { t.Error("it leads") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if text := log.String(); strings.Count(text, "cannot be elected") != 1 || !strings.Contains(text, "cannot create") {
			t.Error(text)
		}
	})
}

func TestAnElectionWithoutIdentityIsRefused(t *testing.T) {
	if _, err := leader.New(leader.Options{Client: fake.NewClientset(), Namespace: "argocd"}); err == nil {
		t.Error("two replicas would both be the leader")
	}
}

// gauge is the value of a collector's one metric.
func gauge(t *testing.T, collector prometheus.Collector) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(collector); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	return families[0].GetMetric()[0].GetGauge().GetValue()
}

var leases = coordinationv1.SchemeGroupVersion.WithResource("leases")

func holder(lease runtime.Object) string {
	if name := lease.(*coordinationv1.Lease).Spec.HolderIdentity; name != nil {
		return *name
	}
	return ""
}
