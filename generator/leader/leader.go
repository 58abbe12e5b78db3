// Package leader has one of several replicas do what must be done once: it elects a leader by a Lease.
//
// It never lets two replicas work at once while their clocks run: whoever loses the Lease is stopped, and it is given back
// only when the work has ended. Where the Lease cannot be reached, the work has 3 s to end (Duration without Renew and Retry):
// then it is another's. Nothing that answers Argo CD waits for it.
package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// DefaultLease is the name of the Lease.
const DefaultLease = "tidegate-generator"

// Options say who is elected.
type Options struct {
	Client kubernetes.Interface
	// Namespace and Lease are where the Lease is; its name is tidegate-generator without any.
	Namespace, Lease string
	// Identity tells this replica from the others: the name of its pod.
	Identity string
	// Duration is how long a leader that has vanished without a word still counts as one: 15 s. Renew, 10 s, is how long
	// the leader tries to renew before it stops, Retry, 2 s, how often anybody tries.
	Duration, Renew, Retry time.Duration
	// Log is told when leadership begins and ends. Nil: nothing is logged.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Lease == "" {
		o.Lease = DefaultLease
	}
	for _, one := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&o.Duration, 15 * time.Second}, {&o.Renew, 10 * time.Second}, {&o.Retry, 2 * time.Second}} {
		if *one.value == 0 {
			*one.value = one.standard
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Election elects one of the replicas that take part.
type Election struct {
	options Options
	leads   atomic.Bool
	metric  prometheus.Gauge
}

// New takes part in no election yet; Run does.
func New(options Options) (*Election, error) {
	if options.Identity == "" {
		return nil, errors.New("an election needs an identity that no other replica has: the name of the pod")
	}
	return &Election{options: options.withDefaults(), metric: prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "tidegate_generator", Name: "leader",
		Help: "1 where this replica is the one that refreshes ApplicationSets and releases operations, 0 elsewhere. The sum over all replicas should be 1.",
	})}, nil
}

// Collector is the metric of the election.
func (e *Election) Collector() prometheus.Collector { return e.metric }

// Leads tells whether this replica is the leader.
func (e *Election) Leads() bool { return e.leads.Load() }

// Run takes part until the context ends. Whenever this replica is elected, it does the work, whose context ends with the
// leadership; the work must return then.
func (e *Election) Run(ctx context.Context, work func(context.Context)) error {
	for ctx.Err() == nil {
		if err := e.term(ctx, work); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// term waits to be elected and leads once. At the end the work ends first, and then the Lease is given back: client-go does
// both at once where it is asked to end, and gives the Lease back first where it could not renew it.
func (e *Election) term(ctx context.Context, work func(context.Context)) error {
	election, giveBack := context.WithCancel(context.WithoutCancel(ctx))
	defer giveBack()
	working, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	lock := e.lock(func() { stop(); <-ended })
	elector, err := e.elector(lock, func(leading context.Context) {
		defer close(ended)
		defer context.AfterFunc(leading, stop)()
		e.lead(working, work)
		if ctx.Err() == nil {
			e.options.Log.Warn("this replica does not lead any more", "lease", e.options.Lease, "identity", e.options.Identity)
		}
		giveBack()
	})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		if !lock.acquired.Load() {
			giveBack()
		}
	})()
	elector.Run(election)
	if lock.acquired.Load() {
		<-ended
	}
	return nil
}

// lock notes that it was acquired: client-go records an event then, and starts the work beside what goes on. It tells what
// goes wrong, once: client-go tells only its own log.
type lock struct {
	resourcelock.Interface
	acquired atomic.Bool
	// end ends the work, and returns when it has ended.
	end  func()
	tell func(error)
	told string
}

// Get is resourcelock.Interface's.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	l.note(err)
	return record, raw, err
}

// Create is resourcelock.Interface's.
func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Create(ctx, record)
	l.note(err)
	return err
}

// Update is resourcelock.Interface's. Without a holder it gives the Lease back, which only a leader does. Work that takes
// longer to end than client-go waits for that keeps the Lease until it runs out.
func (l *lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if record.HolderIdentity == "" {
		l.end()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	err := l.Interface.Update(ctx, record)
	l.note(err)
	return err
}

func (l *lock) note(err error) {
	switch {
	case err == nil:
		l.told = ""
	case apierrors.IsNotFound(err), apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), errors.Is(err, context.Canceled):
		// There is no Lease yet, or another replica was faster.
	case err.Error() != l.told:
		l.told = err.Error()
		l.tell(err)
	}
}

// RecordEvent is resourcelock.Interface's. It is called only by who has acquired the lock.
func (l *lock) RecordEvent(string) { l.acquired.Store(true) }

func (e *Election) lock(end func()) *lock {
	return &lock{
		end: end,
		Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: e.options.Namespace, Name: e.options.Lease},
			Client:     e.options.Client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: e.options.Identity},
		},
		tell: func(err error) {
			e.options.Log.Error("this replica cannot be elected; while none is, nobody refreshes ApplicationSets or releases operations",
				"lease", e.options.Namespace+"/"+e.options.Lease, "error", err)
		},
	}
}

// lead works until its context ends.
func (e *Election) lead(working context.Context, work func(context.Context)) {
	e.leads.Store(true)
	e.metric.Set(1)
	e.options.Log.Info("this replica leads", "lease", e.options.Lease, "identity", e.options.Identity)
	work(working)
	e.leads.Store(false)
	e.metric.Set(0)
}

func (e *Election) elector(lock resourcelock.Interface, lead func(context.Context)) (*leaderelection.LeaderElector, error) {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:          lock,
		LeaseDuration: e.options.Duration, RenewDeadline: e.options.Renew, RetryPeriod: e.options.Retry,
		ReleaseOnCancel: true,
		Name:            e.options.Lease,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: lead,
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("electing a leader by the Lease %s/%s: %w", e.options.Namespace, e.options.Lease, err)
	}
	return elector, nil
}
