//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	for _, name := range []string{"first-staging", "first-production"} {
		f.comes(name)
		f.parityOf(name)
	}
	f.part("a commit is an Application at once", (*guarded).pushedByWebhook)
	f.part("a cluster is Applications at once", (*guarded).pushedByCluster)
	f.part("many services come by and by", (*guarded).ramp)
	f.part("people are told afterwards, too", (*guarded).toldAfterwards)
}

// tries are how often a time is measured that is to be shown: the machine may be busy with something else.
const tries = 3

// pushedByWebhook measures the way from a commit of which the forge tells to its Application.
func (f *guarded) pushedByWebhook() {
	f.showFastest("from-a-webhook-to-its-application", func(try int) time.Duration {
		name := fmt.Sprintf("pushed-%d", try)
		f.add(name, "staging")
		f.push("A service")
		since := time.Now()
		f.must(f.Webhook(f.Context()))
		f.comes(name + "-staging")
		return time.Since(since)
	})
}

// pushedByCluster measures the way from a cluster Secret to its Applications. They have their cluster's values: what each
// delivers has another name, so that clusters that are one here do not get in each other's way.
func (f *guarded) pushedByCluster() {
	f.platform(renamedEnvironments + edge)
	f.must(f.Repository.Write(overlay("far", "edge")+"/kustomization.yaml", "namespace: fleet-edge\nresources: [configmap.yaml]\n"))
	f.must(f.Repository.Write(overlay("far", "edge")+"/configmap.yaml",
		`{apiVersion: v1, kind: ConfigMap, metadata: {name: "far-${PLACE}"}, data: {place: "${PLACE}", region: "${REGION}"}}`))
	f.push("An environment")
	f.must(f.Webhook(f.Context()))
	var names []string
	f.showFastest("from-a-cluster-secret-to-its-application", func(try int) time.Duration {
		name := fmt.Sprintf("edge-%d", try)
		names = append(names, name)
		since := time.Now()
		f.must(f.RegisterAlias(f.Context(), f.Production, controlplane.Alias{
			Name: name, Labels: map[string]string{"tier": "edge"}, Annotations: map[string]string{"tidegate.dev/values": "PLACE: " + name},
		}))
		f.comes("far-edge-" + name)
		return time.Since(since)
	})
	for _, name := range names {
		f.valuesOf(name)
		f.parityOf("far-edge-" + name)
	}
}

// valuesOf waits until a cluster has what was made with its own value of PLACE, and with its environment's of REGION.
func (f *guarded) valuesOf(cluster string) {
	f.Helper()
	f.untilReported("Synced", "Healthy", "far-edge-"+cluster)
	var delivered corev1.ConfigMap
	f.must(f.Production.Get(f.Context(), client.ObjectKey{Namespace: "fleet-edge", Name: "far-" + cluster}, &delivered))
	want := map[string]string{"place": cluster, "region": "rim"}
	if diff := cmp.Diff(want, delivered.Data); diff != "" {
		f.Errorf("what %s was delivered does not have its values (-want +got):\n%s", cluster, diff)
	}
}

// showFastest shows how long something takes at best.
func (f *guarded) showFastest(name string, once func(try int) time.Duration) {
	f.Helper()
	var all []string
	best := time.Hour
	for try := range tries {
		took := once(try)
		best = min(best, took)
		all = append(all, fmt.Sprintf("%.1f", took.Seconds()))
	}
	f.show(name, fmt.Sprintf("%.1f s at best, of %s s\n", best.Seconds(), strings.Join(all, ", ")))
}

const edge = `  - name: edge
    applicationName: "{service}-{environment}-{cluster}"
    clusterSelector: {matchLabels: {tier: edge}}
    values: {PLACE: nowhere, REGION: rim}
`

// ramp adds services, every other one of which is in production alone, where a human syncs.
func (f *guarded) ramp() {
	for i := range *rampServices {
		f.add(fmt.Sprintf("many-%03d", i), both[i%2])
	}
	history, err := f.Staging.Record(f.Context(), controlplane.Namespace, v1alpha1.ApplicationSchemaGroupVersionKind)
	f.must(err)
	seen := f.events()
	f.push("Many services")
	since := time.Now()
	f.must(f.Webhook(f.Context()))
	var peaks map[string]int
	var progress progress
	ctx, cancel := context.WithTimeout(f.Context(), time.Duration(*rampServices)*rampPatience)
	defer cancel()
	f.must(f.Until(ctx, "all have come and settled", func(context.Context) error {
		changes, err := history.Changes(isMany)
		if err != nil {
			return controlplane.Never(err)
		}
		f.must(progress.look(f))
		var came, unsettled int
		came, unsettled, peaks = rampOf(f, changes)
		if came != *rampServices || unsettled > 0 {
			return fmt.Errorf("%d have come, %d of them have not settled", came, unsettled)
		}
		return nil
	}))
	f.show("ramp", fmt.Sprintf("%d services, half of them synced by humans, came in %.0f s, %d at a time for each environment; at most so many had not settled: %v\n",
		*rampServices, time.Since(since).Seconds(), ramp, peaks))
	for _, environment := range both {
		if peaks[environment] > ramp || peaks[environment] == 0 {
			f.Errorf("%d Applications of %s had not settled at a time, want at most %d", peaks[environment], environment, ramp)
		}
	}
	progress.isTold(f, seen)
}

// progress is what the metrics have shown of a ramp: how many were let in with an answer at most, and how many waited.
type progress struct{ admitted, waiting, waits float64 }

func (p *progress) look(f *guarded) error {
	admitted, err := f.Tidegate.Metric(f.Context(), "tidegate_generator_applications_admitted", map[string]string{"applicationset": services})
	if err != nil {
		return err
	}
	p.waits, err = f.Tidegate.Metric(f.Context(), "tidegate_generator_applications_waiting", map[string]string{"applicationset": services, "for": "ramp"})
	p.admitted, p.waiting = max(p.admitted, admitted), max(p.waiting, p.waits)
	return err
}

// isTold fails the test unless metrics, Events and log have told of a ramp.
func (p *progress) isTold(f *guarded, seen told) {
	f.Helper()
	most := float64(*rampServices)
	if p.admitted == 0 || p.admitted > float64(len(both)*ramp) || p.waiting == 0 || p.waiting >= most || p.waits != 0 {
		f.Errorf("the metrics: at most %v came with an answer, at most %v of %v waited, and %v do at the end", p.admitted, p.waiting, most, p.waits)
	}
	event := f.tells(seen, "ApplicationsAdmitted", " new Applications come, ", " wait: many-", "have settled")
	f.Logf("an Event: %s", event.Message)
	content, err := os.ReadFile(filepath.Join(f.Dir, "logs", "tidegate-generator.log"))
	f.must(err)
	for line := range strings.Lines(string(content)) {
		if containsAll(line, []string{"ApplicationsAdmitted", " new Applications come, ", " wait: many-", services}) {
			return
		}
	}
	f.Errorf("the log does not tell how many wait")
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
