package live

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	client "github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/typed/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/generator/informer"
	"github.com/tidegate/tidegate/generator/live/share"
)

// Options say whose Applications are read.
type Options struct {
	Client versioned.Interface
	// Namespace is Argo CD's.
	Namespace string
	// ConfigMaps are the names by which plugin generators refer to this generator; tidegate-generator without any.
	ConfigMaps []string
	// Limit is how long nothing may be heard from the API server before what informers have is in doubt: 5 min.
	Limit time.Duration
	// OnApplication and OnGone are told of every Application of ours as it arrives, whole, and of the end of any; they must
	// return at once and keep nothing of the object. Nil: nobody is.
	OnApplication func(*v1alpha1.Application)
	OnGone        func(namespace, name string)
	// Log is told when a doubt begins and ends. Nil: nothing is logged.
	Log *slog.Logger
}

// DefaultConfigMap is the name by which plugin generators refer to this generator.
const DefaultConfigMap = "tidegate-generator"

// Live reads Argo CD's namespace. It is a Reader.
type Live struct {
	options Options
	api     client.ArgoprojV1alpha1Interface

	sets         *informer.Informer[*v1alpha1.ApplicationSet, *setRecord]
	applications *informer.Informer[*v1alpha1.Application, *record]
	projects     *informer.Informer[*v1alpha1.AppProject, *projectRecord]

	listing share.Group[struct{}, *Listing]
	naming  share.Group[struct{}, bool]
}

// New returns a Live whose informers know nothing yet; Run makes them read.
func New(options Options) *Live {
	if len(options.ConfigMaps) == 0 {
		options.ConfigMaps = []string{DefaultConfigMap}
	}
	l := &Live{options: options, api: options.Client.ArgoprojV1alpha1()}
	l.sets = watching(&options, "ApplicationSets", l.api.ApplicationSets(options.Namespace).List, l.api.ApplicationSets(options.Namespace).Watch,
		informer.Options[*v1alpha1.ApplicationSet, *setRecord]{Keep: recordSet, Same: sameSet})
	l.applications = watching(&options, "Applications", l.api.Applications(options.Namespace).List, l.api.Applications(options.Namespace).Watch,
		informer.Options[*v1alpha1.Application, *record]{Keep: recordApplication, Same: sameApplication, Index: (*record).owned, Seen: l.seen, Gone: options.OnGone})
	l.projects = watching(&options, "AppProjects", l.api.AppProjects(options.Namespace).List, l.api.AppProjects(options.Namespace).Watch,
		informer.Options[*v1alpha1.AppProject, *projectRecord]{Keep: recordProject, Same: sameProject})
	return l
}

// watching is an informer of one kind of Argo CD's.
func watching[L runtime.Object, T runtime.Object, K informer.Kept](of *Options, kind string,
	list func(context.Context, metav1.ListOptions) (L, error), open func(context.Context, metav1.ListOptions) (watch.Interface, error),
	options informer.Options[T, K],
) *informer.Informer[T, K] {
	options.What = kind + " in the namespace " + of.Namespace
	options.List = func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return list(ctx, o) }
	options.Watch, options.Limit, options.Log = open, of.Limit, of.Log
	return informer.New(options)
}

// Run reads and watches until the context ends. ApplicationSets come first: they tell which Applications are of interest.
func (l *Live) Run(ctx context.Context) {
	known := make(chan struct{}, 1)
	l.sets.Notify(known)
	var all sync.WaitGroup
	all.Go(func() { l.sets.Run(ctx) })
	all.Go(func() { l.projects.Run(ctx) })
	all.Go(func() {
		for !l.sets.State().Synced {
			select {
			case <-known:
			case <-ctx.Done():
				return
			}
		}
		l.applications.Run(ctx)
	})
	all.Wait()
}

// State tells whether what the informers of ApplicationSets and Applications have can be trusted.
func (l *Live) State() informer.State { return l.sets.State().And(l.applications.State()) }

// Notify sends after each change of an ApplicationSet, an AppProject or an Application that matters, and of the doubt, never
// blocking: a channel with room for one misses nothing. How often Argo CD looks at an Application does not matter.
func (l *Live) Notify(listener chan<- struct{}) {
	l.sets.Notify(listener)
	l.applications.Notify(listener)
	l.projects.Notify(listener)
}

// ApplicationSets are those that an informer has seen with a plugin generator whose ConfigMap is ours, sorted by name.
func (l *Live) ApplicationSets() []ApplicationSet {
	var out []ApplicationSet
	for _, kept := range l.sets.All() {
		if asks(kept.set.Spec.Generators, l.options.ConfigMaps) {
			out = append(out, kept.set)
		}
	}
	slices.SortFunc(out, func(a, b ApplicationSet) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Seen are the Applications of an ApplicationSet as an informer has them, sorted by name; false where that is in doubt. It may
// lag: see Complete.
func (l *Live) Seen(applicationSet string) ([]Application, bool) {
	kept := l.applications.Indexed(applicationSet)
	out := make([]Application, len(kept))
	for i := range kept {
		out[i] = kept[i].application
	}
	slices.SortFunc(out, byName)
	return out, l.applications.State().Doubt == ""
}

// Taken is Listing.Taken of what an informer has seen.
func (l *Live) Taken(applicationSet string) map[string]string {
	out := map[string]string{}
	for _, kept := range l.applications.All() {
		if kept.controlled != "" && kept.controlled != applicationSet {
			out[kept.Name] = kept.controlled
		}
	}
	return out
}

// Projects are the names of the AppProjects; nil where they are not known.
func (l *Live) Projects() map[string]bool {
	if l.projects.State().Doubt != "" {
		return nil
	}
	out := map[string]bool{}
	for _, kept := range l.projects.All() {
		out[kept.Name] = true
	}
	return out
}

// seen passes on an Application of ours.
func (l *Live) seen(app *v1alpha1.Application) {
	if l.options.OnApplication == nil {
		return
	}
	if of := owner(app); of != "" && l.isOurs(of) {
		l.options.OnApplication(app)
	}
}

func (l *Live) isOurs(applicationSet string) bool {
	kept, there := l.sets.Get(l.options.Namespace, applicationSet)
	return there && asks(kept.set.Spec.Generators, l.options.ConfigMaps)
}

func byName(a, b Application) int { return cmp.Compare(a.Name, b.Name) }
