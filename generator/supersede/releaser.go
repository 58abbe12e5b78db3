package supersede

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	client "github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/typed/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

// workers is how many Applications are looked at at the same time: one bad commit can block many.
const workers = 4

// Reasons of Events.
const (
	EventSuperseded = "Superseded"
	EventStarted    = "SupersedingSyncStarted"
	EventOverlooked = "OverlookedSyncStarted"
	EventWaits      = "NewerRevisionWaits"
)

// Options are what a Releaser works with. All but Policy.Off and Live are needed.
type Options struct {
	Policy     Policy
	Client     versioned.Interface
	Repository Repository
	Projects   Projects
	// Live reads an Application as it is in the API server, in JSON; nil reads it with Client.
	Live func(ctx context.Context, namespace, name string) ([]byte, error)
	// Events are recorded on Applications.
	Events  record.EventRecorder
	Metrics *Metrics
	Log     *slog.Logger
}

// Releaser releases operations. It is told of Applications by Seen and Gone, at any time and from anywhere; what it learns
// that way of how long they have waited is not lost when the leader changes. Only Run acts, and only the leader runs it.
type Releaser struct {
	Options

	mutex   sync.Mutex
	entries map[types.NamespacedName]*entry
	queue   workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// entry is an Application whose operation is under way, or was released and is yet to be replaced, or has ended and may have
// left a newer revision behind.
type entry struct {
	app    *v1alpha1.Application
	memory Memory
}

// New makes a Releaser.
func New(options Options) *Releaser {
	if options.Live == nil {
		options.Live = liveOf(options.Client)
	}
	return &Releaser{Options: options, entries: map[types.NamespacedName]*entry{}}
}

// Seen tells of an Application as it is now, with all its fields. It does not keep the object, and it returns at once.
func (r *Releaser) Seen(app *v1alpha1.Application) {
	name := types.NamespacedName{Namespace: app.Namespace, Name: app.Name}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := r.entries[name]
	if !concerns(app, known, time.Now()) {
		r.drop(name)
		return
	}
	if known == nil || known.app.UID != app.UID {
		known = &entry{}
		r.entries[name] = known
	}
	known.app = app.DeepCopy()
	known.memory.Observe(known.app, time.Now())
	if r.queue != nil {
		r.queue.Add(name)
	}
}

// Gone tells that there is no such Application.
func (r *Releaser) Gone(namespace, name string) {
	key := types.NamespacedName{Namespace: namespace, Name: name}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.drop(key)
}

// drop forgets an Application. The caller holds the mutex.
func (r *Releaser) drop(name types.NamespacedName) {
	delete(r.entries, name)
	r.Metrics.waits(name, false)
}

// concerns tells whether there may be something to do about an Application. Whether a revision came during an operation that
// has ended is known only to who saw it under way: what is OutOfSync otherwise may be drift.
func concerns(app *v1alpha1.Application, known *entry, now time.Time) bool {
	state := app.Status.OperationState
	switch {
	case state == nil:
		return false
	case !state.Phase.Completed() || marked(app):
		return true
	case known == nil || known.app.UID != app.UID:
		return false
	}
	return known.app.Status.OperationState.StartedAt.Equal(&state.StartedAt) && !settled(known.app, now)
}

// Wake has every Application looked at: the repository has a new revision.
func (r *Releaser) Wake() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.enqueueAll()
}

func (r *Releaser) enqueueAll() {
	if r.queue == nil {
		return
	}
	for name := range r.entries {
		r.queue.Add(name)
	}
}

// Run acts until the context is done. It may be called again afterwards.
func (r *Releaser) Run(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](time.Second, recheck))
	r.mutex.Lock()
	r.queue = queue
	r.enqueueAll()
	r.mutex.Unlock()

	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for r.next(ctx, queue) {
			}
		})
	}
	<-ctx.Done()
	r.mutex.Lock()
	r.queue = nil
	r.mutex.Unlock()
	queue.ShutDown()
	group.Wait()
	return ctx.Err()
}

func (r *Releaser) next(ctx context.Context, queue workqueue.TypedRateLimitingInterface[types.NamespacedName]) bool {
	name, shutdown := queue.Get()
	if shutdown {
		return false
	}
	defer queue.Done(name)
	after, err := r.look(ctx, name)
	switch {
	case ctx.Err() != nil:
	case apierrors.IsConflict(err):
		// It has changed since it was read: the next look is at what it is now.
		queue.AddRateLimited(name)
	case err != nil:
		r.Metrics.count(Failed)
		r.Log.LogAttrs(ctx, slog.LevelWarn, "superseding: not decided", slog.String("application", name.String()), slog.Any("error", err))
		queue.AddRateLimited(name)
	default:
		queue.Forget(name)
		if after > 0 {
			queue.AddAfter(name, after)
		}
	}
	return true
}

// look decides about one Application and does what was decided. It says when to look again; 0 is when it changes.
func (r *Releaser) look(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	app, memory, known := r.recall(name)
	if !known {
		return 0, nil
	}
	verdict, err := r.decide(ctx, app, memory)
	if err != nil {
		return 0, err
	}
	if !acts(verdict.Action, memory, verdict.To) {
		r.settle(ctx, name, app, verdict)
		return verdict.After, nil
	}
	// An informer may lag, and does not know all: what is written is decided about the object that it is written to.
	if app, err = r.read(ctx, name); apierrors.IsNotFound(err) {
		r.Gone(name.Namespace, name.Name)
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	if memory, known = r.review(name, app); !known {
		return 0, nil
	}
	if verdict, err = r.decide(ctx, app, memory); err != nil {
		return 0, err
	}
	r.settle(ctx, name, app, verdict)
	if !acts(verdict.Action, memory, verdict.To) {
		return verdict.After, nil
	}
	return r.act(ctx, name, app, verdict)
}

// acts tells whether a verdict changes something.
func acts(action Action, memory Memory, to string) bool {
	switch action {
	case Refresh, Terminate, Start:
		return true
	case Report:
		return memory.report != to
	}
	return false
}

func (r *Releaser) decide(ctx context.Context, app *v1alpha1.Application, memory Memory) (Verdict, error) {
	verdict := r.Policy.Decide(app, time.Now(), memory, nil)
	if verdict.Action != Ask {
		return verdict, nil
	}
	facts, err := r.facts(ctx, app)
	if err != nil {
		return Verdict{}, err
	}
	return r.Policy.Decide(app, time.Now(), memory, facts), nil
}

func (r *Releaser) act(ctx context.Context, name types.NamespacedName, app *v1alpha1.Application, verdict Verdict) (time.Duration, error) {
	switch verdict.Action {
	case Refresh:
		if err := r.refresh(ctx, app); err != nil {
			return 0, err
		}
		r.remember(name, app, func(m *Memory) { m.asked = refresh{verdict.To, time.Now()} })
		r.said(ctx, Refreshed, "superseding: asked Argo CD to compare with the newest revision", app, verdict)
		return patience, nil
	case Terminate:
		if err := r.terminate(ctx, app); err != nil {
			return 0, err
		}
		r.released(ctx, name, app, verdict)
	case Start:
		if err := r.start(ctx, app, verdict.To); err != nil {
			return 0, err
		}
		r.started(ctx, app, verdict)
	case Report:
		r.remember(name, app, func(m *Memory) { m.report = verdict.To })
		r.Events.Eventf(app, corev1.EventTypeWarning, EventWaits,
			"A newer revision, %s, waits behind the sync to %s, which waits for %s. %s: to let it in, run: argocd app terminate-op %[5]s; argocd app sync %[5]s",
			verdict.To, verdict.From, verdict.WaitedFor, verdict.Reason, app.QualifiedName())
		r.said(ctx, Reported, "superseding: a newer revision waits, and the operation is not ours to end", app, verdict)
	}
	return 0, nil
}

// released tells of a release once; that it had to be repeated is for the log.
func (r *Releaser) released(ctx context.Context, name types.NamespacedName, app *v1alpha1.Application, verdict Verdict) {
	again := marked(app)
	r.remember(name, app, func(m *Memory) {
		again = again || m.Released
		m.Released = true
	})
	if again {
		r.said(ctx, Repeated, "superseding: released the sync again, which something had revived", app, verdict)
		return
	}
	r.Events.Eventf(app, corev1.EventTypeNormal, EventSuperseded,
		"Released the sync to %s, which waited for %s: %s changes what it applies", verdict.From, verdict.WaitedFor, verdict.To)
	r.said(ctx, Released, "superseding: released a sync that blocked its fix", app, verdict)
}

func (r *Releaser) started(ctx context.Context, app *v1alpha1.Application, verdict Verdict) {
	if marked(app) {
		r.Events.Eventf(app, corev1.EventTypeNormal, EventStarted, "Started the sync to %s in place of the one to %s", verdict.To, verdict.From)
		r.said(ctx, Started, "superseding: started the newer revision's sync", app, verdict)
		return
	}
	r.Events.Eventf(app, corev1.EventTypeNormal, EventOverlooked,
		"Started the sync to %s, which came during the one to %s: auto-sync does not take it for new", verdict.To, verdict.From)
	r.said(ctx, Overlooked, "superseding: started the sync to a revision that auto-sync overlooks", app, verdict)
}

func (r *Releaser) said(ctx context.Context, outcome Outcome, message string, app *v1alpha1.Application, verdict Verdict) {
	r.Metrics.count(outcome)
	r.Log.LogAttrs(ctx, slog.LevelInfo, message,
		slog.String("application", app.QualifiedName()), slog.String("from", verdict.From), slog.String("to", verdict.To),
		slog.String("waitedFor", verdict.WaitedFor), slog.String("reason", verdict.Reason))
}

// settle keeps the gauge of what waits for a human, and tells once of what is left to go on.
func (r *Releaser) settle(ctx context.Context, name types.NamespacedName, app *v1alpha1.Application, verdict Verdict) {
	r.Metrics.waits(name, verdict.Action == Report)
	first := false
	if verdict.Action == Keep {
		r.remember(name, app, func(m *Memory) { first, m.kept = !m.kept, true })
	}
	if first {
		r.said(ctx, Kept, "superseding: left a sync to go on that outlasts the grace period", app, verdict)
	}
}

func (r *Releaser) recall(name types.NamespacedName) (*v1alpha1.Application, Memory, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	known := r.entries[name]
	if known == nil {
		return nil, Memory{}, false
	}
	return known.app, known.memory, true
}

// review takes in an Application that was read live.
func (r *Releaser) review(name types.NamespacedName, app *v1alpha1.Application) (Memory, bool) {
	r.Seen(app)
	_, memory, known := r.recall(name)
	return memory, known
}

// remember changes the memory, unless it is of another operation by now.
func (r *Releaser) remember(name types.NamespacedName, app *v1alpha1.Application, change func(*Memory)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known := r.entries[name]; known != nil && known.memory.id == id(app) {
		change(&known.memory)
	}
}

func (r *Releaser) applications(namespace string) client.ApplicationInterface {
	return r.Client.ArgoprojV1alpha1().Applications(namespace)
}
