// Package push has Argo CD ask again when an ApplicationSet's answer would be another one, instead of at its next poll.
//
// It never changes an ApplicationSet but for the annotation with which Argo CD itself asks for a refresh, and only the leader of
// several replicas runs it. Replicas do not know of each other's answers. So a leader that begins refreshes each ApplicationSet
// once, and one that another replica answers is refreshed a few times more (Options.Patience). Otherwise none is refreshed
// whose answer is the one that it was given.
package push

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"

	"github.com/tidegate/tidegate/generator/live"
)

// Answers are what ApplicationSets are answered. A digest tells answers apart.
type Answers interface {
	// Wanted is the digest of what the ApplicationSet would be answered now. An error means that there would be no answer, so
	// that nothing is gained by asking.
	Wanted(ctx context.Context, applicationSet string) (digest string, err error)
	// Served is the digest of what this replica has answered it last; empty for never.
	Served(applicationSet string) (digest string)
}

// Options say who is refreshed.
type Options struct {
	Client versioned.Interface
	// Namespace is Argo CD's.
	Namespace string
	// ApplicationSets are those that ask this generator.
	ApplicationSets func() []live.ApplicationSet
	Answers         Answers
	// Debounce is how long a first change waits for more: 500 ms.
	Debounce time.Duration
	// Repeat is after how long a refresh that was not heard of is repeated, 2 s, twice as long each time up to RepeatMax,
	// 3 min. A controller that is told too often while it works on an ApplicationSet begins anew.
	Repeat, RepeatMax time.Duration
	// Patience is how long refreshes are repeated that other replicas answer, in case they do not know yet what this one
	// knows: 5 min.
	Patience time.Duration
	// Rate and Burst bound the refreshes of all ApplicationSets, per second and at once: 20 and 40.
	Rate  float32
	Burst int
	Log   *slog.Logger
}

func (o Options) withDefaults() Options {
	for _, one := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Debounce, 500 * time.Millisecond}, {&o.Repeat, 2 * time.Second}, {&o.RepeatMax, 3 * time.Minute}, {&o.Patience, 5 * time.Minute},
	} {
		if *one.value == 0 {
			*one.value = one.standard
		}
	}
	if o.Rate == 0 {
		o.Rate = 20
	}
	if o.Burst == 0 {
		o.Burst = 40
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Pusher refreshes ApplicationSets.
type Pusher struct {
	options Options
	metrics *metrics

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[string]
	// limit bounds the patches of all ApplicationSets.
	limit flowcontrol.RateLimiter
	// pending are the refreshes that have not been heard of yet.
	pending map[string]*refresh
	// settled are the digests that other replicas have answered, as far as can be told from here.
	settled map[string]string
	// answered are those that this replica has answered since it leads, and since it last asked Argo CD to refresh them. For any
	// other, what this replica answered last need not be what Argo CD got last: another may have answered since.
	answered map[string]bool
}

// New returns a pusher; Run makes it work.
func New(options Options) *Pusher {
	return &Pusher{options: options.withDefaults(), metrics: newMetrics()}
}

// workers is how many answers are worked out at the same time.
const workers = 2

// Run works until the context ends: on the leader. It may be called again afterwards. What changed while nobody led, or was
// answered by others, is made up for by refreshing every ApplicationSet once.
func (p *Pusher) Run(ctx context.Context) {
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](p.options.Repeat, p.options.RepeatMax))
	p.mu.Lock()
	p.queue, p.pending, p.settled, p.answered = queue, map[string]*refresh{}, map[string]string{}, map[string]bool{}
	p.limit = flowcontrol.NewTokenBucketRateLimiter(p.options.Rate, p.options.Burst)
	p.mu.Unlock()
	p.Changed()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for p.next(ctx, queue) {
			}
		})
	}
	<-ctx.Done()
	p.mu.Lock()
	p.queue, p.pending = nil, map[string]*refresh{}
	p.metrics.pending.Set(0)
	p.mu.Unlock()
	queue.ShutDown()
	all.Wait()
}

func (p *Pusher) next(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string]) bool {
	name, shutdown := queue.Get()
	if shutdown {
		return false
	}
	defer queue.Done(name)
	if ctx.Err() == nil {
		p.look(ctx, queue, name)
	}
	return true
}

// Changed tells that the answers of these ApplicationSets may have changed; without names, of all. It returns at once.
func (p *Pusher) Changed(names ...string) {
	if len(names) == 0 {
		for _, set := range p.options.ApplicationSets() {
			names = append(names, set.Name)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue == nil {
		return
	}
	for _, name := range names {
		// One that waits already waits no longer for this.
		p.queue.AddAfter(name, p.options.Debounce)
	}
}

// Answered tells that the ApplicationSet has just been answered. It returns at once.
func (p *Pusher) Answered(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue == nil {
		return
	}
	p.answered[name] = true
	if p.pending[name] != nil {
		p.queue.Add(name)
	}
}
