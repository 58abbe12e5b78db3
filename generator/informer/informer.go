// Package informer watches objects of an API server and knows whether what it holds can still be trusted.
//
// It never takes silence for the absence of objects: what has not been read yet, may not be read any more or has not been
// confirmed for too long is a doubt, and what was last read stays. It keeps of an object only what its user picks, picked
// before anything is stored.
package informer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// Kept is what is kept of an object. Name, namespace and resourceVersion must be the object's. It is shared and never
// changed.
type Kept interface {
	comparable
	runtime.Object
	metav1.Object
}

// Options say what is watched.
type Options[T runtime.Object, K Kept] struct {
	// What is watched, in messages: "cluster Secrets in the namespace argocd".
	What string
	// List and Watch ask the API server.
	List  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	Watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
	// Keep picks what is kept. It must not keep references into the object.
	Keep func(T) K
	// Seen and Gone are told of every object as it arrives, whole, and of its end, one after the other. Nil: nobody is.
	Seen func(T)
	Gone func(namespace, name string)
	// Same tells whether a newer object says nothing new, so that nobody has to be told. Nil: every version is new.
	Same func(before, after K) bool
	// Index is a key by which Indexed finds what is kept; nil for none.
	Index func(K) string
	// Limit is how long nothing may be heard from the API server before what is held is doubted: 5 min.
	Limit time.Duration
	// Log is told when a doubt begins and ends. Nil: nothing is logged.
	Log *slog.Logger
}

// DefaultLimit is how long nothing may be heard from the API server before what is held is doubted.
const DefaultLimit = 5 * time.Minute

// Informer holds what was last read.
type Informer[T runtime.Object, K Kept] struct {
	options    Options[T, K]
	health     *health
	store      cache.Indexer
	controller cache.Controller
	source     *source[T, K]

	mu        sync.Mutex
	listeners []chan<- struct{}
}

const index = "index"

// New returns an informer that knows nothing yet; Run makes it read.
func New[T runtime.Object, K Kept](options Options[T, K]) *Informer[T, K] {
	if options.Limit == 0 {
		options.Limit = DefaultLimit
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	i := &Informer[T, K]{options: options}
	i.health = newHealth(options.What, options.Limit)
	indexers := cache.Indexers{}
	if options.Index != nil {
		indexers[index] = func(object any) ([]string, error) { return []string{options.Index(object.(K))}, nil }
	}
	i.store = cache.NewIndexer(cache.DeletionHandlingMetaNamespaceKeyFunc, indexers)
	i.source = &source[T, K]{options: options, health: i.health}
	i.controller = cache.New(&cache.Config{
		Queue:         cache.NewDeltaFIFOWithOptions(cache.DeltaFIFOOptions{KnownObjects: i.store, EmitDeltaTypeReplaced: true}),
		ListerWatcher: i.source,
		Process:       i.process,
		// Nothing is ever handed out again. Without a period the reflector would wait on a channel of its package, which
		// testing/synctest cannot see through.
		FullResyncPeriod: 24 * time.Hour,
		ShouldResync:     func() bool { return false },
		// What goes wrong is in State already, and the log is told by doubts.
		WatchErrorHandler: func(*cache.Reflector, error) {},
	})
	return i
}

// Run reads and watches until the context ends.
func (i *Informer[T, K]) Run(ctx context.Context) {
	i.source.ctx = ctx
	var all sync.WaitGroup
	all.Go(func() { i.controller.Run(ctx.Done()) })
	all.Go(func() { i.tellDoubts(ctx) })
	all.Go(func() {
		cache.WaitForCacheSync(ctx.Done(), i.controller.HasSynced)
		i.health.tell()
	})
	all.Wait()
}

// State tells whether what is held can be trusted.
func (i *Informer[T, K]) State() State {
	return i.health.state(i.controller.HasSynced(), time.Now())
}

// All is everything that is held, in no order.
func (i *Informer[T, K]) All() []K { return typed[K](i.store.List()) }

// Indexed is everything that is held whose index is the key, in no order.
func (i *Informer[T, K]) Indexed(key string) []K {
	// The only error is an index that there is not.
	objects, err := i.store.ByIndex(index, key)
	if err != nil {
		panic(err)
	}
	return typed[K](objects)
}

// Get is what is held of one object, and whether there is one.
func (i *Informer[T, K]) Get(namespace, name string) (K, bool) {
	object, exists, _ := i.store.GetByKey(cache.NewObjectName(namespace, name).String())
	if !exists {
		var none K
		return none, false
	}
	return object.(K), true
}

func typed[K any](objects []any) []K {
	out := make([]K, len(objects))
	for i, object := range objects {
		out[i] = object.(K)
	}
	return out
}

// Notify sends after each change of what is held or of the doubt, never blocking: a channel with room for one misses
// nothing.
func (i *Informer[T, K]) Notify(listener chan<- struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listeners = append(i.listeners, listener)
}

func (i *Informer[T, K]) notify() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, listener := range i.listeners {
		select {
		case listener <- struct{}{}:
		default:
		}
	}
}

// process takes over what the queue says became of one object.
func (i *Informer[T, K]) process(deltas any, _ bool) error {
	for _, delta := range deltas.(cache.Deltas) {
		if delta.Type == cache.Deleted {
			if err := i.store.Delete(delta.Object); err != nil {
				return err
			}
			// What a watch said was told when it arrived.
			if vanished, missed := delta.Object.(cache.DeletedFinalStateUnknown); missed && i.options.Gone != nil {
				name, err := cache.ParseObjectName(vanished.Key)
				if err != nil {
					return err
				}
				i.options.Gone(name.Namespace, name.Name)
			}
			i.notify()
			continue
		}
		before, known, err := i.store.Get(delta.Object)
		if err != nil {
			return err
		}
		if err := i.store.Update(delta.Object); err != nil {
			return err
		}
		if !known || !i.same(before.(K), delta.Object.(K)) {
			i.notify()
		}
	}
	return nil
}

func (i *Informer[T, K]) same(before, after K) bool {
	return before.GetResourceVersion() == after.GetResourceVersion() || i.options.Same != nil && i.options.Same(before, after)
}

// looks is how often within the limit it is looked whether a doubt began or ended.
const looks = 20

// tellDoubts tells the log and the listeners when a doubt begins or ends.
func (i *Informer[T, K]) tellDoubts(ctx context.Context) {
	ticker := time.NewTicker(max(i.options.Limit/looks, time.Millisecond))
	defer ticker.Stop()
	var told State
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.health.changed:
		case <-ticker.C:
		}
		now := i.State()
		if now.Synced == told.Synced && now.Doubt == told.Doubt {
			continue
		}
		switch {
		case now.Doubt == "":
			i.options.Log.Info("what the API server says is known", "of", i.options.What)
		case now.Synced || i.health.failing():
			i.options.Log.Error("what the API server says is in doubt", "error", now.Doubt)
		}
		told = now
		i.notify()
	}
}
