//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/controlplane"
)

// promise is what a README says of the order of a service, whatever a plan makes of it.
type promise struct {
	// later is applied only when earlier is there, or when it is healthy.
	later, earlier string
	healthy        bool
}

func (p promise) String() string {
	if p.healthy {
		return p.later + " before " + p.earlier + " was healthy"
	}
	return p.later + " before " + p.earlier + " was there"
}

var (
	configured = promise{later: "Deployment", earlier: "ConfigMap"}
	secretive  = promise{later: "Deployment", earlier: "ExternalSecret", healthy: true}
	supplied   = promise{later: "Deployment", earlier: "Secret"}
	scaled     = promise{later: "HorizontalPodAutoscaler", earlier: "Deployment", healthy: true}
)

// A user loses the order if this fails: the plan that Tidegate shows is what Argo CD does on a real cluster, and nothing of
// a wave is applied before what the plan waits for is healthy. Without waves the same files are applied in another order.
func order(s *suite) {
	planned := s.orderOf("order-planned", nil)
	if len(planned.broken) > 0 {
		s.Errorf("not as promised: %v", planned.broken)
	}
	if len(planned.violations) > 0 {
		s.Errorf("not as planned:\n%s", strings.Join(planned.violations, "\n"))
	}
	if len(planned.waves) < 4 {
		s.Errorf("the sync result is of waves %v: those of the configuration, the secret, the workloads and the leaves are expected", planned.waves)
	}
	// Argo CD's own order of kinds has the ConfigMap first.
	unplanned := s.orderOf("order-unplanned", map[string]string{"waves": "off"})
	if want := []promise{secretive, supplied, scaled}; !slices.Equal(unplanned.broken, want) {
		s.Errorf("without waves %v is expected, or this test would not notice if they had no effect; it saw %v", want, unplanned.broken)
	}
	if !slices.Equal(unplanned.waves, []int{0}) {
		s.Errorf("without waves the sync result is of waves %v", unplanned.waves)
	}
	s.parityOf("order-planned", "order-unplanned")
}

// ordered is how a service was applied.
type ordered struct {
	// broken are the promises that were not kept, violations what was not applied as the plan wants it.
	broken     []promise
	violations []string
	// waves are those of the sync result, in its order.
	waves []int
}

// orderOf delivers the service, and says how it was applied.
func (s *suite) orderOf(name string, parameters map[string]string) ordered {
	plan := s.planOf("order/"+name, name)
	kinds := []schema.GroupVersionKind{{Version: "v1", Kind: "Secret"}}
	for _, w := range plan.Waves {
		for _, r := range w.Resources {
			kinds = append(kinds, schema.FromAPIVersionAndKind(r.APIVersion, r.ID.Kind))
		}
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	history, err := s.Staging.Record(s.Context(), name, slices.Compact(kinds)...)
	s.must(err)

	s.must(s.Deliver(s.Context(), controlplane.Delivery{
		Name: name, Path: "order/" + name, Reads: []string{"services/payments-api"}, Namespace: name, Parameters: parameters,
		// A busy API server may hide a kind from Argo CD's kubectl for a moment.
		Policy: &v1alpha1.SyncPolicy{SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true"}, Retry: &v1alpha1.RetryStrategy{Limit: 2}},
	}))
	s.must(s.Sync(s.Context(), name))
	s.untilApplication(name, "has been synced", controlplane.Synced)
	var out ordered
	var sequence sequence
	s.until("all of "+name+" is in the history", func(context.Context) (err error) {
		if sequence, err = sequenceOf(plan, history); err == nil {
			out.broken, err = brokenIn(history)
		}
		return err
	})
	out.violations = sequence.violations(plan)
	out.waves = s.wavesInSyncResult(s.application(name), sequence)
	return out
}

// brokenIn are the promises that a history does not keep. It knows nothing of plans.
func brokenIn(history *controlplane.History) ([]promise, error) {
	var out []promise
	for _, p := range []promise{configured, secretive, supplied, scaled} {
		later, err := history.First(p.later, func(c controlplane.Change) bool { return c.Object.GetKind() == p.later })
		if err != nil {
			return nil, err
		}
		earlier, err := history.First(p.String(), func(c controlplane.Change) bool {
			return c.Object.GetKind() == p.earlier && (!p.healthy || healthy(c.Object) == nil)
		})
		if err != nil {
			return nil, err
		}
		if later.At < earlier.At {
			out = append(out, p)
		}
	}
	return out, nil
}

// sequence is when something happened, by the cluster's count of changes.
type sequence struct {
	applied, healthy map[manifest.ID]uint64
	// waves are those that the objects were applied with.
	waves map[manifest.ID]int
}

// sequenceOf reads a history. It is an error that something is missing in it.
func sequenceOf(plan *wave.Plan, history *controlplane.History) (sequence, error) {
	out := sequence{applied: map[manifest.ID]uint64{}, healthy: map[manifest.ID]uint64{}, waves: map[manifest.ID]int{}}
	for _, w := range plan.Waves {
		for _, r := range w.Resources {
			of := func(c controlplane.Change) bool { return manifest.Object(c.Object.Object).ID() == r.ID }
			first, err := history.First(r.ID.String()+" applied", func(c controlplane.Change) bool { return of(c) && c.Type == watch.Added })
			if err != nil {
				return out, err
			}
			if by := first.Object.GetManagedFields()[0].Manager; by != "argocd-controller" {
				return out, fmt.Errorf("%s was applied by %s", r.ID, by)
			}
			well, err := history.First(r.ID.String()+" healthy", func(c controlplane.Change) bool { return of(c) && healthy(c.Object) == nil })
			if err != nil && r.Gate != nil {
				return out, err
			}
			out.applied[r.ID], out.healthy[r.ID], out.waves[r.ID] = first.At, well.At, syncwaves.Wave(first.Object)
		}
	}
	return out, nil
}

// violations are all pairs that happened in another order than the plan's.
func (q sequence) violations(plan *wave.Plan) []string {
	var out []string
	for i, w := range plan.Waves {
		for _, earlier := range w.Resources {
			for _, next := range plan.Waves[i+1:] {
				for _, later := range next.Resources {
					at := q.applied[later.ID]
					if at < q.applied[earlier.ID] {
						out = append(out, fmt.Sprintf("%s before %s was there", later.ID.GroupKind(), earlier.ID.GroupKind()))
					} else if earlier.Gate != nil && at < q.healthy[earlier.ID] {
						out = append(out, fmt.Sprintf("%s before %s was healthy", later.ID.GroupKind(), earlier.ID.GroupKind()))
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wavesInSyncResult are the waves of Argo CD's own report, in its order, which is that of the waves, and the one in which
// things happened.
func (s *suite) wavesInSyncResult(app *v1alpha1.Application, sequence sequence) []int {
	s.Helper()
	var waves []int
	reported := map[manifest.ID]bool{}
	for _, r := range app.Status.OperationState.SyncResult.Resources {
		id := manifest.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
		at, there := sequence.applied[id]
		if !there {
			continue // the namespace, which belongs to no wave
		}
		reported[id] = true
		if wave := sequence.waves[id]; len(waves) == 0 || wave != waves[len(waves)-1] {
			waves = append(waves, wave)
			for other, earlier := range sequence.applied {
				if reported[other] && other != id && earlier > at {
					s.Errorf("%s: the sync result names %s after %s, which was applied later", app.Name, id, other)
				}
			}
		}
	}
	if !slices.IsSorted(waves) {
		s.Errorf("%s: the sync result is in the order of waves %v", app.Name, waves)
	}
	for id := range sequence.applied {
		if !reported[id] {
			s.Errorf("%s: the sync result does not name %s", app.Name, id)
		}
	}
	return waves
}
