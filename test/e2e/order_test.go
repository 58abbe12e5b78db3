//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/controlplane"
)

// A user loses the order if this fails: the plan that Tidegate shows is what Argo CD does on a real cluster, and nothing of
// a wave is applied before what the plan waits for is healthy. Without waves the same files are applied in another order.
func order(s *suite) {
	if wrong := s.orderOf("order-planned", nil); len(wrong) > 0 {
		s.Errorf("not as planned:\n%s", strings.Join(wrong, "\n"))
	}
	wrong := s.orderOf("order-unplanned", map[string]string{"waves": "off"})
	for _, expected := range []string{
		"Deployment.apps before ExternalSecret.external-secrets.io was there", "Deployment.apps before its Secret was made",
		"HorizontalPodAutoscaler.autoscaling before Deployment.apps was healthy",
	} {
		if !slices.Contains(wrong, expected) {
			s.Errorf("without waves %s is expected, or this test would not notice if they had no effect; it saw:\n%s", expected, strings.Join(wrong, "\n"))
		}
	}
}

// orderOf delivers the service, and says what was not applied as the plan wants it.
func (s *suite) orderOf(name string, parameters map[string]string) []string {
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
		Policy: &v1alpha1.SyncPolicy{SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true"}},
	}))
	s.must(s.Sync(s.Context(), name))
	s.untilApplication(name, "has been synced", controlplane.Synced)
	s.until("all of "+name+" is in the history", func(context.Context) error {
		_, err := sequenceOf(plan, history)
		return err
	})
	sequence, err := sequenceOf(plan, history)
	s.must(err)
	s.inSyncResult(s.application(name), sequence)
	return sequence.violations(plan)
}

// sequence is when something happened, by the cluster's count of changes.
type sequence struct {
	applied, healthy map[manifest.ID]uint64
	// secret is when the External Secrets Operator made the Secret.
	secret uint64
}

// sequenceOf reads a history. It is an error that something is missing in it.
func sequenceOf(plan *wave.Plan, history *controlplane.History) (sequence, error) {
	out := sequence{applied: map[manifest.ID]uint64{}, healthy: map[manifest.ID]uint64{}}
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
			out.applied[r.ID], out.healthy[r.ID] = first.At, well.At
		}
	}
	secret, err := history.First("the Secret", func(c controlplane.Change) bool { return c.Object.GetKind() == "Secret" && c.Type == watch.Added })
	out.secret = secret.At
	return out, err
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
	for id, at := range q.applied {
		if id.Kind == "Deployment" && at < q.secret {
			out = append(out, "Deployment.apps before its Secret was made")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// inSyncResult compares the waves of Argo CD's own report with what happened.
func (s *suite) inSyncResult(app *v1alpha1.Application, sequence sequence) {
	s.Helper()
	reported := map[manifest.ID]bool{}
	for _, r := range app.Status.OperationState.SyncResult.Resources {
		reported[manifest.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}] = true
	}
	for id := range sequence.applied {
		if !reported[id] {
			s.Errorf("%s: the sync result does not name %s", app.Name, id)
		}
	}
}
