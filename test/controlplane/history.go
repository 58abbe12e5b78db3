package controlplane

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Change is what happened to one object.
type Change struct {
	// At orders the changes of a cluster, of whatever kind: its etcd counts them.
	At uint64
	// Seen is when this machine heard of it.
	Seen   time.Time
	Type   watch.EventType
	Object *unstructured.Unstructured
}

// String names the object.
func (c Change) String() string {
	return fmt.Sprintf("%s %s %s/%s at %d", c.Type, c.Object.GetKind(), c.Object.GetNamespace(), c.Object.GetName(), c.At)
}

// History is what happened to the objects of some kinds since it began. Objects that were there before are in it when they
// change.
type History struct {
	mu      sync.Mutex
	changes []Change
	err     error
}

// Record begins a history of some kinds in a namespace; an empty one is all. It ends with the context.
func (c *Cluster) Record(ctx context.Context, namespace string, kinds ...schema.GroupVersionKind) (*History, error) {
	dynamic, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		return nil, err
	}
	h := &History{}
	for _, kind := range kinds {
		mapping, err := c.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return nil, err
		}
		resource := dynamic.Resource(mapping.Resource).Namespace(namespace)
		now, err := resource.List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", kind.Kind, err)
		}
		watcher, err := watchtools.NewRetryWatcher(now.GetResourceVersion(), &cache.ListWatch{
			WatchFunc: func(options metav1.ListOptions) (watch.Interface, error) { return resource.Watch(ctx, options) },
		})
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", kind.Kind, err)
		}
		context.AfterFunc(ctx, watcher.Stop)
		go h.record(watcher)
	}
	return h, nil
}

func (h *History) record(watcher watch.Interface) {
	for event := range watcher.ResultChan() {
		h.add(event)
	}
}

func (h *History) add(event watch.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok || event.Type == watch.Error {
		h.err = fmt.Errorf("the history has a gap: %v", event.Object)
		return
	}
	at, err := strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	if err != nil {
		h.err = err
		return
	}
	h.changes = append(h.changes, Change{At: at, Seen: time.Now(), Type: event.Type, Object: object})
}

// Changes are those that hold, in the order in which they happened. What has happened just now may still be missing.
func (h *History) Changes(holds func(Change) bool) ([]Change, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Change
	for _, change := range h.changes {
		if holds(change) {
			out = append(out, change)
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(a.At, b.At) })
	return out, h.err
}

// First is the first change that holds; an error says that there is none yet.
func (h *History) First(what string, holds func(Change) bool) (Change, error) {
	changes, err := h.Changes(holds)
	if err == nil && len(changes) == 0 {
		err = fmt.Errorf("%s: not seen yet", what)
	}
	if err != nil {
		return Change{}, err
	}
	return changes[0], nil
}
