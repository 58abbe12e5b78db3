//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/test/controlplane"
)

var rampServices = flag.Int("ramp-services", 60, "how many services come at once in TestManyServicesComeByAndBy")

const ramp = 20

// rampPatience is how long a service may take to come, on a busy machine.
const rampPatience = 4 * time.Second

// Argo CD is flooded, or stands still, if this fails: many services come at once, half of which nobody syncs.
func TestManyServicesComeByAndBy(t *testing.T) {
	t.Parallel()
	f := startFleet(t, controlplane.Options{GeneratorArgs: []string{"--fetch-interval=1h", fmt.Sprintf("--ramp=%d", ramp)}},
		environments, map[string][]string{"first": both})
	f.must(f.TrustForge(t.Context()))
	f.must(f.Webhook(t.Context()))
	f.comes("first-production")
	f.part("a commit is an Application at once", (*guarded).pushedByWebhook)
	f.part("a cluster is Applications at once", (*guarded).pushedByCluster)
	f.part("many services come by and by", (*guarded).ramp)
	f.part("people are told afterwards, too", (*guarded).toldAfterwards)
}

// pushedByWebhook measures the way from a commit of which the forge tells to its Application.
func (f *guarded) pushedByWebhook() {
	f.add("pushed", "staging")
	f.push("A service")
	since := time.Now()
	f.must(f.Webhook(f.Context()))
	f.comes("pushed-staging")
	f.Logf("from the webhook of a commit to its Application: %.1f s", time.Since(since).Seconds())
}

// pushedByCluster measures the way from a cluster Secret to its Applications.
func (f *guarded) pushedByCluster() {
	f.platform(renamedEnvironments + edge)
	f.add("pushed", "edge")
	f.push("An environment")
	f.must(f.Webhook(f.Context()))
	alias := controlplane.Alias{Name: "edge-1", Labels: map[string]string{"tier": "edge"}}
	since := time.Now()
	f.must(f.RegisterAlias(f.Context(), f.Production, alias))
	f.comes("pushed-edge-edge-1")
	f.Logf("from a new cluster Secret to its Application: %.1f s", time.Since(since).Seconds())
}

const edge = `  - name: edge
    applicationName: "{service}-{environment}-{cluster}"
    clusterSelector: {matchLabels: {tier: edge}}
`

// ramp adds services, every other one of which is in production alone, where a human syncs.
func (f *guarded) ramp() {
	for i := range *rampServices {
		f.add(fmt.Sprintf("many-%03d", i), both[i%2])
	}
	history, err := f.Staging.Record(f.Context(), controlplane.Namespace, v1alpha1.ApplicationSchemaGroupVersionKind)
	f.must(err)
	f.push("Many services")
	since := time.Now()
	f.must(f.Webhook(f.Context()))
	var peaks map[string]int
	ctx, cancel := context.WithTimeout(f.Context(), time.Duration(*rampServices)*rampPatience)
	defer cancel()
	f.must(f.Until(ctx, "all have come and settled", func(context.Context) error {
		changes, err := history.Changes(isMany)
		if err != nil {
			return controlplane.Never(err)
		}
		var came, unsettled int
		came, unsettled, peaks = rampOf(f, changes)
		if came != *rampServices || unsettled > 0 {
			return fmt.Errorf("%d have come, %d of them have not settled", came, unsettled)
		}
		return nil
	}))
	f.Logf("%d services came in %.0f s; at most so many had not settled at a time: %v", *rampServices, time.Since(since).Seconds(), peaks)
	for _, environment := range both {
		if peaks[environment] > ramp || peaks[environment] == 0 {
			f.Errorf("%d Applications of %s had not settled at a time, want at most %d", peaks[environment], environment, ramp)
		}
	}
}

func isMany(c controlplane.Change) bool { return strings.HasPrefix(c.Object.GetName(), "many-") }

// rampOf is how many Applications have come, how many of them have not settled, and how many of these there were at most at a
// time in each environment.
func rampOf(f *guarded, changes []controlplane.Change) (came, unsettled int, peaks map[string]int) {
	settled, open := map[string]bool{}, map[string]int{}
	peaks = map[string]int{}
	for _, change := range changes {
		name, environment := change.Object.GetName(), change.Object.GetLabels()["tidegate.dev/environment"]
		if change.Type == watch.Added {
			came++
			open[environment]++
			peaks[environment] = max(peaks[environment], open[environment])
		}
		if !settled[name] && hasSettled(f, change) {
			settled[name] = true
			open[environment]--
		}
	}
	return came, came - len(settled), peaks
}

// hasSettled is what the documentation calls settled.
func hasSettled(f *guarded, change controlplane.Change) bool {
	f.Helper()
	var app v1alpha1.Application
	content, err := change.Object.MarshalJSON()
	f.must(err)
	f.must(json.Unmarshal(content, &app))
	operates := app.Operation != nil || app.Status.OperationState != nil && !app.Status.OperationState.Phase.Completed()
	if app.Status.ReconciledAt == nil || operates {
		return false
	}
	status := app.Status.Health.Status
	return app.Spec.SyncPolicy.Automated == nil || status == health.HealthStatusHealthy || status == health.HealthStatusDegraded
}

// toldAfterwards shows that what the ramp has told does not keep people from being told of what is held.
func (f *guarded) toldAfterwards() {
	seen := f.events()
	f.drop(overlay("first", "production"))
	f.push("first leaves production")
	f.must(f.Webhook(f.Context()))
	f.tells(seen, "RemovalHeld", "first-production")
}
