// Package incluster is the generator as it runs beside Argo CD: its sources, the guard, and what only the leader of several
// replicas does.
//
// It only puts together what other packages do, and starts and ends it.
package incluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/leader"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/push"
	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/plugin/render"
)

// Options say where Argo CD is, and what may happen by itself.
type Options struct {
	Config *rest.Config
	// Namespace is Argo CD's.
	Namespace string
	// ConfigMaps are the names by which plugin generators refer to this one.
	ConfigMaps []string
	// Mirror says which repository is mirrored; one without URL is none, and Source is read instead.
	Mirror mirror.Options
	// VerifySignatures lets only commits in that a key of argocd-gpg-keys-cm has signed.
	VerifySignatures bool
	// RepositoryProject is the AppProject whose repository Secrets may be used.
	RepositoryProject string
	// Source is a repository that somebody else keeps up to date.
	Source catalog.Source
	// Stale is how long nothing may be heard from the API server before what is known is in doubt.
	Stale time.Duration

	Policy admission.Policy
	// AnswerTime is how long an answer may take to be worked out: 2 min.
	AnswerTime time.Duration
	// Supersede releases operations that block their own fix; it needs a mirror. Nil: nothing is released.
	Supersede *supersede.Policy
	// Push has Argo CD ask when its answer would be another.
	Push bool
	// Identity tells this replica from others.
	Identity string
	Log      *slog.Logger
}

// Generator is all of it.
type Generator struct {
	Options
	Guard *guard.Guard
	// Registry has the metrics.
	Registry *prometheus.Registry

	kube     kubernetes.Interface
	argo     versioned.Interface
	source   catalog.Source
	mirror   *mirror.Mirror
	herald   *herald
	fleet    *fleet.Watched
	live     *live.Live
	events   record.EventBroadcaster
	releaser *supersede.Releaser
	pusher   *push.Pusher
	election *leader.Election
	// changed receives after a change of what answers are made from, committed after a new revision.
	changed, committed chan struct{}
}

// New opens what is needed. It reads nothing from the cluster: see Run. Close it.
func New(options Options) (*Generator, error) {
	g := &Generator{Options: options, Registry: prometheus.NewRegistry()}
	config := rest.CopyConfig(options.Config)
	// Its own limits would be in the way of an answer; the API server has fairness of its own.
	config.QPS = -1
	var err error
	if g.kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if g.argo, err = versioned.NewForConfig(config); err != nil {
		return nil, err
	}
	if err := g.openSource(); err != nil {
		return nil, err
	}
	g.fleet = fleet.Watch(fleet.WatchOptions{Client: g.kube, Namespace: options.Namespace, Limit: options.Stale, Log: options.Log})
	g.events = newBroadcaster()
	recorder := newRecorder(g.events)
	of := live.Options{Client: g.argo, Namespace: options.Namespace, ConfigMaps: options.ConfigMaps, Limit: options.Stale, Log: options.Log}
	if options.Supersede != nil && g.mirror != nil {
		g.releaser = g.newReleaser(recorder)
		of.OnApplication, of.OnGone = g.releaser.Seen, g.releaser.Gone
	}
	g.live = live.New(of)
	g.Guard = guard.New(guard.Options{
		Repository: catalog.New(g.source, render.New()), Fleet: g.fleet, Live: g.live, Doubts: g.doubtsOf(), Confirmed: g.confirmed(), Policy: options.Policy,
		Tell: guard.Tell(recorder, options.Log, options.Namespace), Leads: g.leads, Answered: g.answered, Time: options.AnswerTime, Log: options.Log,
	})
	g.Registry.MustRegister(g.Guard, sources{g})
	g.subscribe()
	if err := g.newLeader(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Close ends what New has opened.
func (g *Generator) Close() error {
	g.events.Shutdown()
	return g.source.Close()
}

// Run reads and watches until the context ends, and does what the leader does whenever this replica is it.
func (g *Generator) Run(ctx context.Context) error {
	g.recordEvents()
	tasks := []func(context.Context) error{
		func(ctx context.Context) error { g.fleet.Run(ctx); return nil },
		func(ctx context.Context) error { g.live.Run(ctx); return nil },
		func(ctx context.Context) error { return ended(ctx, g.election.Run(ctx, g.lead)) },
	}
	if g.mirror != nil {
		tasks = append(tasks, g.mirror.Run, g.herald.run)
	}
	return together(ctx, tasks)
}

// recordEvents writes what is told from now on.
func (g *Generator) recordEvents() {
	g.events.StartRecordingToSink(telling{&typedcorev1.EventSinkImpl{Interface: g.kube.CoreV1().Events(g.Namespace)}})
}

// together runs tasks until the context ends; when one fails, the others end too.
func together(ctx context.Context, tasks []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(tasks))
	for _, task := range tasks {
		go func() { ended <- task(ctx) }()
	}
	var all []error
	for range tasks {
		if err := <-ended; err != nil {
			all = append(all, err)
			cancel()
		}
	}
	return errors.Join(all...)
}

// Doubts are why what is known may not be the truth.
func (g *Generator) Doubts() []string {
	var out []string
	for _, doubt := range append(g.doubtsOf(), g.doubtOfLive) {
		if why := doubt(); why != "" && !slices.Contains(out, why) {
			out = append(out, why)
		}
	}
	return out
}

// doubtsOf are the doubts of the sources.
func (g *Generator) doubtsOf() []func() string {
	out := []func() string{func() string { return g.fleet.State().Doubt }}
	if g.mirror != nil {
		out = append(out, func() string { return g.mirror.State().Doubt })
	}
	return out
}

// confirmed tells when a revision of the mirror was last seen to be the newest; it is not while a newer one is being fetched.
// Nothing is behind a source that is no mirror.
func (g *Generator) confirmed() func(revision string) time.Time {
	if g.mirror == nil {
		return nil
	}
	return func(revision string) time.Time {
		state := g.mirror.State()
		if state.Seen != revision || state.Revision != revision {
			return time.Time{}
		}
		return state.Contact
	}
}

func (g *Generator) doubtOfLive() string { return g.live.State().Doubt }

// Why explains an Application, or sums all of them up if the name is empty. Before ApplicationSets have been read, nothing can be
// said: what is not known yet would look as if it did not exist.
func (g *Generator) Why(ctx context.Context, application string) (any, error) {
	if state := g.live.State(); !state.Synced {
		return nil, fmt.Errorf("which ApplicationSets and Applications there are has not been read: %s", state.Doubt)
	}
	if application == "" {
		return g.Guard.Overview(ctx, g.Namespace)
	}
	return g.Guard.Why(ctx, g.Namespace, application)
}
