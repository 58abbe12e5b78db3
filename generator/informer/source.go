package informer

import (
	"context"
	"math"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// source is a cache.ListerWatcher that picks what is kept as it arrives, page by page, and notes how each request went.
type source[T runtime.Object, K Kept] struct {
	options Options[T, K]
	health  *health
	// ctx is that of Run: a ListerWatcher is given none.
	ctx context.Context
}

// List reads one page. The API server's cache will not do, which a client-go informer begins with: it may be older than
// what another replica has answered from.
func (s *source[T, K]) List(options metav1.ListOptions) (runtime.Object, error) {
	options.ResourceVersion, options.ResourceVersionMatch = "", ""
	ctx, cancel := context.WithTimeout(s.ctx, s.options.Limit)
	defer cancel()
	list, err := s.options.List(ctx, options)
	if err != nil {
		s.listed(err)
		return nil, err
	}
	page, err := s.keep(list)
	if err != nil || page.Continue == "" {
		s.listed(err)
	}
	return page, err
}

func (s *source[T, K]) listed(err error) {
	if s.ctx.Err() == nil {
		s.health.listed(err)
	}
}

func (s *source[T, K]) keep(list runtime.Object) (*internalversion.List, error) {
	about, err := meta.ListAccessor(list)
	if err != nil {
		return nil, err
	}
	page := &internalversion.List{ListMeta: metav1.ListMeta{
		ResourceVersion: about.GetResourceVersion(), Continue: about.GetContinue(), RemainingItemCount: about.GetRemainingItemCount(),
	}}
	err = meta.EachListItem(list, func(object runtime.Object) error {
		page.Items = append(page.Items, s.take(object.(T), watch.Added))
		return nil
	})
	return page, err
}

// take picks what is kept of an object that has arrived.
func (s *source[T, K]) take(object T, event watch.EventType) K {
	kept := s.options.Keep(object)
	switch {
	case event == watch.Deleted && s.options.Gone != nil:
		s.options.Gone(kept.GetNamespace(), kept.GetName())
	case event != watch.Deleted && s.options.Seen != nil:
		s.options.Seen(object)
	}
	return kept
}

// Watch asks for one that ends well within the limit, for nothing need happen and bookmarks need not come: the next one
// to open shows that nothing was missed.
func (s *source[T, K]) Watch(options metav1.ListOptions) (watch.Interface, error) {
	lasts := s.options.Limit / 2
	seconds := int64(math.Ceil(lasts.Seconds()))
	options.TimeoutSeconds = &seconds
	// The API server ends the watch. Where it has gone silently, so does the client.
	ctx, cancel := context.WithTimeout(s.ctx, s.options.Limit+10*time.Second)
	opened, err := s.options.Watch(ctx, options)
	if s.ctx.Err() == nil {
		s.health.watched(ignoreExpired(err))
	}
	if err != nil {
		cancel()
		return nil, err
	}
	w := &watched[T, K]{source: s, opened: opened, cancel: cancel, results: make(chan watch.Event), stopped: make(chan struct{})}
	go w.pass()
	return w, nil
}

// ignoreExpired is no failure: everything is listed again.
func ignoreExpired(err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return nil
	}
	return err
}

// watched passes on what a watch brings.
type watched[T runtime.Object, K Kept] struct {
	source  *source[T, K]
	opened  watch.Interface
	cancel  context.CancelFunc
	results chan watch.Event
	stop    sync.Once
	stopped chan struct{}
}

// ResultChan is watch.Interface's.
func (w *watched[T, K]) ResultChan() <-chan watch.Event { return w.results }

// Stop is watch.Interface's.
func (w *watched[T, K]) Stop() {
	w.stop.Do(func() {
		close(w.stopped)
		w.opened.Stop()
		w.cancel()
	})
}

// settles is how long a watch that opens must bring no error to be taken for one that goes on where the last one ended. The
// API server accepts one that it cannot give what was missed, and says so in its first event.
func (w *watched[T, K]) settles() time.Duration {
	return min(time.Second, w.source.options.Limit/looks)
}

func (w *watched[T, K]) pass() {
	defer close(w.results)
	settled := time.NewTimer(w.settles())
	defer settled.Stop()
	for {
		select {
		case <-settled.C:
			w.source.health.heard()
		case <-w.stopped:
			return
		case event, open := <-w.opened.ResultChan():
			if !open || !w.send(event) {
				return
			}
		}
	}
}

// send passes on one event, and tells whether there is anybody who takes it.
func (w *watched[T, K]) send(event watch.Event) bool {
	w.note(event)
	if object, ok := event.Object.(T); ok && event.Type != watch.Bookmark && event.Type != watch.Error {
		event.Object = w.source.take(object, event.Type)
	}
	select {
	case w.results <- event:
		return true
	case <-w.stopped:
		return false
	}
}

func (w *watched[T, K]) note(event watch.Event) {
	if event.Type != watch.Error {
		w.source.health.heard()
		return
	}
	w.source.health.watched(ignoreExpired(apierrors.FromObject(event.Object)))
}
