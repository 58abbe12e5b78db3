//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/test/controlplane"
)

// A rollout of the generator, or a node that dies, deletes Applications if this fails, or people are told everything twice:
// replicas come and go, one of them in the middle of an answer, while something is held.
func TestReplicasComeAndGo(t *testing.T) {
	t.Parallel()
	f := startFleet(t, controlplane.Options{}, environments, map[string][]string{"web": both, "ledger": both, "search": both})
	f.untilReported("Synced", "Healthy", "web-staging", "ledger-staging", "search-staging")
	f.released("web-production", "ledger-production", "search-production")
	f.parityOf("web-staging", "web-production")
	r := &replicas{guarded: f, first: f.Tidegate.Replica()}
	var err error
	r.second, err = f.Tidegate.StartReplica(t.Context())
	f.must(err)
	r.service, err = f.OpenService(t.Context(), r.first, r.second)
	f.must(err)
	history, err := f.Staging.Record(t.Context(), controlplane.Namespace, v1alpha1.ApplicationSchemaGroupVersionKind)
	f.must(err)

	f.part("several replicas hold as one", func(f *guarded) { r.in(f).heldOnce() })
	f.part("replicas are replaced", func(f *guarded) { r.in(f).rolled() })
	f.part("a replica is killed in the middle of an answer", func(f *guarded) { r.in(f).killed() })
	changes, err := history.Changes(func(c controlplane.Change) bool {
		return c.Type == watch.Deleted || c.Object.GetDeletionTimestamp() != nil
	})
	f.must(err)
	if len(changes) > 0 {
		f.Errorf("Applications were deleted: %v", changes)
	}
}

// replicas are two generators behind a Service.
type replicas struct {
	*guarded
	service       *controlplane.Service
	first, second *controlplane.Replica
}

func (r *replicas) in(f *guarded) *replicas {
	r.guarded = f
	return r
}

const leads = "tidegate_generator_leader"

// leader waits until one of the replicas leads, and returns it and the other.
func (r *replicas) leader() (leader, other *controlplane.Replica) {
	r.Helper()
	r.until("one replica leads", func(ctx context.Context) error {
		first, err := r.first.Metric(ctx, leads, nil)
		if err != nil {
			return err
		}
		second, err := r.second.Metric(ctx, leads, nil)
		if err != nil {
			return err
		}
		if first+second > 1 {
			// One may have given way to the other between the two answers.
			if first, err = r.first.Metric(ctx, leads, nil); err != nil {
				return err
			}
		}
		switch {
		case first+second > 1:
			return controlplane.Never(errors.New("both do"))
		case first == 1:
			leader, other = r.first, r.second
		case second == 1:
			leader, other = r.second, r.first
		default:
			return errors.New("none does")
		}
		return nil
	})
	return leader, other
}

// answered is how often a replica has answered Argo CD.
func (r *replicas) answered(replica *controlplane.Replica) float64 {
	r.Helper()
	answers, err := replica.Metric(r.Context(), "tidegate_generator_requests_total", map[string]string{"code": "200"})
	r.must(err)
	return answers
}

// bothAnswer has Argo CD ask until each replica has answered once more.
func (r *replicas) bothAnswer() {
	r.Helper()
	first, second := r.answered(r.first), r.answered(r.second)
	r.until("both replicas have answered", func(context.Context) error {
		r.asks()
		if r.answered(r.first) == first || r.answered(r.second) == second {
			return errors.New("one has not")
		}
		return nil
	})
}

// heldEvents are the Events that tell of what is held.
func (r *replicas) heldEvents() []corev1.Event {
	r.Helper()
	all, err := r.EventsOf(r.Context(), "ApplicationSet", services)
	r.must(err)
	var out []corev1.Event
	for _, event := range all {
		if event.Reason == "RemovalHeld" {
			out = append(out, event)
		}
	}
	return out
}

func (r *replicas) heldOnce() {
	r.leader()
	r.bothAnswer()
	seen := r.events()
	r.label(productionSecret, "drained")
	r.tells(seen, "RemovalHeld", "web-production")
	r.bothAnswer()
	if events := r.heldEvents(); len(events) != 1 || events[0].Count != 1 {
		r.Errorf("people were told %d times of one thing: %+v", len(events), events)
	}
}

// rolled replaces one replica after the other, the leader first.
func (r *replicas) rolled() {
	leader, other := r.leader()
	uid, told := r.application("web-production").UID, len(r.heldEvents())
	for range 2 {
		leader.End(r.Context())
		r.service.Select(other)
		anew, err := r.Tidegate.StartReplica(r.Context())
		r.must(err)
		r.service.Select(anew, other)
		r.first, r.second = anew, other
		r.bothAnswer()
		r.nothingElseIsDeleted()
		leader, other = r.leader()
	}
	if now := r.application("web-production").UID; now != uid {
		r.Errorf("web-production is another one")
	}
	// A new leader cannot know whether the one before it has told of everything.
	if events := len(r.heldEvents()); events > told+2 {
		r.Errorf("two new leaders have told people of one thing %d times", events-told)
	}
	r.Tidegate.Generator, r.Tidegate.GeneratorURL = other.Process, other.URL
	r.add("fresh", "staging")
	r.push("A service after a rollout")
	r.untilReported("Synced", "Healthy", "fresh-staging")
	r.why("web-production", guard.Held)
}

// killed kills the replica that answers, when Argo CD has the first part of its answer, and the leader with it.
func (r *replicas) killed() {
	leader, other := r.leader()
	r.service.Select(leader)
	r.service.CutOff()
	var asked errgroup.Group
	asked.Go(func() error { return r.GenerateInVain(r.Context(), services, "EOF") })
	r.must(r.service.Begun(r.Context()))
	leader.Kill()
	r.service.HangUp()
	r.service.Select(other)
	r.must(asked.Wait())
	r.nothingElseIsDeleted()
	r.first = other
	r.until("the other replica leads", func(ctx context.Context) error {
		if leads, err := other.Metric(ctx, leads, nil); err != nil || leads != 1 {
			return errors.Join(err, fmt.Errorf("it does not"))
		}
		return nil
	})
	r.label(productionSecret, "production")
	r.Tidegate.Generator, r.Tidegate.GeneratorURL = other.Process, other.URL
	r.why("web-production", guard.Stays)
}
