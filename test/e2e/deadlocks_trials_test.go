//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/sets"
)

// outcome is what came of a sync.
type outcome struct {
	kind    string
	retries int64
	// forgiven are retries that do not count.
	forgiven int64
	// reason is what it waits for, or what failed.
	reason string
	// waited is what pods were started without.
	waited []string
}

// Kinds of outcomes.
const (
	firstAttempt = "first attempt"
	afterRetries = "retries"
	stuck        = "stuck"
)

func (o outcome) String() string {
	switch {
	case o.kind == afterRetries:
		return counted(o.retries)
	case o.reason != "":
		return o.kind + ": " + o.reason
	}
	return o.kind
}

// counted says how many retries there were.
func counted(retries int64) string {
	if retries == 1 {
		return "1 retry"
	}
	return fmt.Sprintf("%d retries", retries)
}

// trials are sets that are synced in all orders.
type trials struct {
	*suite
	orders []ordering
	// outcomes by Application.
	outcomes map[string]outcome
	// passers counts the syncs that have passed by those that wait.
	passers int
}

// trial is one set in one order.
type trial struct {
	set   sets.Set
	order ordering
}

// try syncs sets in all orders at the same time, until each is over or stuck. A sync is stuck that waits for the health of
// something and has not moved while another one, of everything that is waited for anywhere, went by on the same cluster
// from its beginning to its end: whoever is to make that something healthy was at work, and did not.
func (t *trials) try(tried []sets.Set) {
	all := t.deliver(tried)
	left := maps.Clone(all)
	for {
		waiting := t.untilWaiting(left)
		if len(waiting) == 0 {
			break
		}
		t.pass(left)
		apps, err := t.Applications(t.Context())
		t.must(err)
		for name, before := range waiting {
			if app := apps[name]; t.seen(app) == before {
				t.outcomes[name] = outcome{kind: stuck, reason: reasonOf(app.Status.OperationState)}
				delete(left, name)
			}
		}
	}
	t.watchPods(all)
}

// deliver makes the Applications, and starts their syncs.
func (t *trials) deliver(tried []sets.Set) map[string]trial {
	all := map[string]trial{}
	for _, set := range tried {
		for _, order := range t.orders {
			name := set.Name + "-" + order.name
			all[name] = trial{set: set, order: order}
			t.must(t.Deliver(t.Context(), t.delivery(set, order, name)))
			t.must(t.Sync(t.Context(), name))
		}
	}
	return all
}

func (t *trials) delivery(set sets.Set, o ordering, app string) controlplane.Delivery {
	factor := int64(1)
	return controlplane.Delivery{
		Name: app, Path: "sets/" + o.name + "/" + set.Name, Namespace: set.Name, Server: t.server(o), Parameters: map[string]string{"waves": o.waves},
		Policy: &v1alpha1.SyncPolicy{
			SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true"},
			Retry:       &v1alpha1.RetryStrategy{Limit: 4, Backoff: &v1alpha1.Backoff{Duration: "3s", Factor: &factor}},
		},
	}
}

// server is the cluster of an order, as Deliver wants it.
func (t *trials) server(o ordering) string {
	if o.cluster == t.Staging {
		return ""
	}
	return o.cluster.Server
}

// untilWaiting waits until every sync is over, or is of an order that may be stuck and waits for the health of something.
// It returns what those that wait look like. Those that are over are not left.
func (t *trials) untilWaiting(left map[string]trial) map[string]string {
	var waiting map[string]string
	// Two dozen at once, some of them with four retries.
	t.untilWithin(3*patience, "all syncs are over, or of waves by hand and waiting for the health of something", func(ctx context.Context) error {
		apps, err := t.Applications(ctx)
		if err != nil {
			return err
		}
		waiting = map[string]string{}
		var busy []string
		for _, name := range slices.Sorted(maps.Keys(left)) {
			app := apps[name]
			state := app.Status.OperationState
			if out, over := outcomeOf(state); over {
				t.outcomes[name] = out
				delete(left, name)
			} else if left[name].order.byHand && state != nil && waitsForOthers(state.Message) {
				waiting[name] = t.seen(app)
			} else {
				busy = append(busy, controlplane.Synced(&app).Error())
			}
		}
		if len(busy) > 0 {
			return errors.New(strings.Join(busy, "\n"))
		}
		return nil
	})
	return waiting
}

// seen is what shows that a sync moves.
func (t *trials) seen(app v1alpha1.Application) string {
	out, err := json.Marshal([]any{app.Status.OperationState, app.Status.Resources})
	t.must(err)
	return string(out)
}

// outcomeOf is what has come of a sync, if it is over.
func outcomeOf(state *v1alpha1.OperationState) (out outcome, over bool) {
	switch {
	case state == nil || !state.Phase.Completed():
		return outcome{}, false
	case state.Phase != common.OperationSucceeded:
		return outcome{kind: stuck, reason: reasonOf(state)}, true
	case state.RetryCount == 0:
		return outcome{kind: firstAttempt}, true
	default:
		return outcome{kind: afterRetries, retries: state.RetryCount}, true
	}
}

// pass syncs a service with a store, a secret from it, pods and an autoscaler on every cluster on which a sync is left, and
// waits until it runs.
func (t *trials) pass(left map[string]trial) {
	t.passers++
	service := sets.Set{Name: "pipeline"}
	var passing []string
	for _, order := range t.orders {
		if !slices.ContainsFunc(slices.Collect(maps.Values(left)), func(l trial) bool { return l.order.name == order.name }) {
			continue
		}
		name := fmt.Sprintf("passing-%s-%d", order.name, t.passers)
		planned := t.delivery(service, t.orders[0], name)
		planned.Namespace, planned.Server = name, t.server(order)
		t.must(t.Deliver(t.Context(), planned))
		t.must(t.Sync(t.Context(), name))
		passing = append(passing, name)
	}
	for _, name := range passing {
		t.untilApplication(name, "has been synced, and runs", func(app *v1alpha1.Application) error {
			return errors.Join(controlplane.Synced(app), works(app))
		})
	}
}

// works is nil when all workloads of an Application are Healthy.
func works(app *v1alpha1.Application) error {
	workloads := []string{"Deployment", "StatefulSet", "Job"}
	for _, r := range app.Status.Resources {
		if slices.Contains(workloads, r.Kind) && (r.Health == nil || r.Health.Status != health.HealthStatusHealthy) {
			return fmt.Errorf("Application %s: %s %s: %+v", app.Name, r.Kind, r.Name, r.Health)
		}
	}
	if len(app.Status.Resources) == 0 {
		return fmt.Errorf("Application %s: nothing is known of its resources", app.Name)
	}
	return nil
}

// waitsForOthers tells whether somebody other than Argo CD has to make something healthy. A CustomResourceDefinition is waited for
// only until Argo CD has seen it.
func waitsForOthers(message string) bool {
	found := waitsForHealth.FindStringSubmatch(message)
	return found != nil && found[1] != "CustomResourceDefinition"
}

// waitsForHealth is what Argo CD says of an operation that waits: group/kind/name.
var waitsForHealth = regexp.MustCompile(`waiting for healthy state of [^/]*/(\w+)/([\w.-]+)`)

// reasonOf is why a sync does not succeed.
func reasonOf(state *v1alpha1.OperationState) string {
	if found := waitsForHealth.FindStringSubmatch(state.Message); found != nil {
		return "waits for " + found[1] + " " + found[2]
	}
	if state.SyncResult != nil {
		for _, r := range state.SyncResult.Resources {
			if r.Status == common.ResultCodeSyncFailed || r.HookPhase.Failed() {
				return r.Kind + " " + r.Name + ": " + r.Message
			}
		}
	}
	return state.Message
}
