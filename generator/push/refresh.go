package push

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/argoproj/argo-cd/v2/common"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
)

// Annotation asks Argo CD's controller to look at an ApplicationSet. The controller removes it when it has done so without
// an error. Any value that is new makes it look at once; one that is there already does not, whatever has become of it.
const Annotation = common.AnnotationApplicationSetRefresh

// refresh is one that was asked for and not heard of yet.
type refresh struct {
	// digest is what the answer shall be, since when.
	digest string
	since  time.Time
	// times is how often it was asked for, last when, and next when it is asked for again.
	times      int
	last, next time.Time
}

// look refreshes one ApplicationSet if its answer would be another than the one it was given.
func (p *Pusher) look(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string], name string) {
	if !p.exists(name) {
		p.forget(queue, name)
		p.mu.Lock()
		delete(p.answered, name)
		p.mu.Unlock()
		return
	}
	digest, err := p.options.Answers.Wanted(ctx, name)
	if err != nil {
		// Argo CD keeps what there is, and why there is no answer is told elsewhere.
		p.metrics.pushes.WithLabelValues(noAnswer).Inc()
		p.options.Log.Debug("not refreshed: there would be no answer", "applicationSet", name, "error", err)
		p.drop(name)
		queue.AddRateLimited(name)
		return
	}
	if p.given(name, digest) {
		p.arrived(name)
		p.forget(queue, name)
		return
	}
	asked := p.note(name, digest)
	if wait := time.Until(asked.next); wait > 0 {
		queue.AddAfter(name, wait)
		return
	}
	if p.answeredElsewhere(ctx, name, asked) {
		p.forget(queue, name)
		return
	}
	p.push(ctx, queue, name, digest)
}

// note remembers which answer is wanted. While an earlier refresh has not been heard of, another answer is no reason to ask
// at once: whoever comes is given the new one.
func (p *Pusher) note(name, digest string) refresh {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.pending[name]
	if asked == nil {
		asked = &refresh{}
		p.pending[name] = asked
	}
	if asked.digest != digest {
		asked.digest, asked.since, asked.times = digest, time.Now(), 0
		if !asked.last.IsZero() {
			asked.next = asked.last.Add(p.options.Repeat)
		}
	}
	delete(p.settled, name)
	p.metrics.pending.Set(float64(len(p.pending)))
	return *asked
}

func (p *Pusher) exists(name string) bool {
	for _, set := range p.options.ApplicationSets() {
		if set.Name == name {
			return !set.Deleting
		}
	}
	return false
}

// answeredElsewhere tells whether other replicas have answered for so long that they must know what this one knows. Argo
// CD's client keeps its connection to one replica, which need not be this one.
func (p *Pusher) answeredElsewhere(ctx context.Context, name string, asked refresh) bool {
	if time.Since(asked.since) < p.options.Patience {
		return false
	}
	set, err := p.options.Client.ArgoprojV1alpha1().ApplicationSets(p.options.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		p.options.Log.Warn("cannot tell whether an ApplicationSet was refreshed", "applicationSet", name, "error", err)
		return false
	}
	if _, waits := set.Annotations[Annotation]; waits {
		return false
	}
	p.mu.Lock()
	p.settled[name] = asked.digest
	p.mu.Unlock()
	p.options.Log.Info("refreshed, and answered by another replica", "applicationSet", name, "times", asked.times)
	return true
}

// push asks for a refresh, and looks again later.
func (p *Pusher) push(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string], name, digest string) {
	if err := p.limit.Wait(ctx); err != nil {
		return
	}
	times, again := p.asks(name)
	// Never the same value twice.
	err := p.patch(ctx, name, fmt.Sprintf("tidegate-%.12s-%016x", digest, rand.Uint64()))
	switch {
	case err == nil:
		p.metrics.pushes.WithLabelValues(asks).Inc()
		p.options.Log.Info("its answer has changed, so Argo CD is asked to refresh it", "applicationSet", name, "times", times)
	case apierrors.IsNotFound(err):
		p.forget(queue, name)
		return
	case ctx.Err() != nil:
		return
	default:
		p.metrics.pushes.WithLabelValues(failed).Inc()
		p.options.Log.Error("cannot refresh an ApplicationSet: Argo CD asks at its next poll", "applicationSet", name, "error", err)
	}
	queue.AddAfter(name, again)
}

// asks notes that a refresh is asked for now: how often that was, and after how long it is asked for again.
func (p *Pusher) asks(name string) (times int, again time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.pending[name]
	if asked == nil {
		return 1, p.options.Repeat
	}
	again = p.options.RepeatMax
	if doublings := asked.times; doublings < 10 {
		again = min(again, p.options.Repeat<<doublings)
	}
	asked.times++
	delete(p.answered, name)
	asked.last = time.Now()
	asked.next = asked.last.Add(again)
	return asked.times, again
}

func (p *Pusher) patch(ctx context.Context, name, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{Annotation: value}}})
	if err != nil {
		return err
	}
	_, err = p.options.Client.ArgoprojV1alpha1().ApplicationSets(p.options.Namespace).
		Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// arrived notes that the answer which was wanted has been given.
func (p *Pusher) arrived(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if asked := p.pending[name]; asked != nil {
		p.metrics.duration.Observe(time.Since(asked.since).Seconds())
	}
}

// forget ends what is known of a refresh.
func (p *Pusher) forget(queue workqueue.TypedRateLimitingInterface[string], name string) {
	queue.Forget(name)
	p.drop(name)
}

func (p *Pusher) drop(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pending, name)
	p.metrics.pending.Set(float64(len(p.pending)))
}

// given tells whether the answer is the one that Argo CD has got last.
func (p *Pusher) given(name, digest string) bool {
	served := p.options.Answers.Served(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	return digest == served && p.answered[name] || digest == p.settled[name]
}
