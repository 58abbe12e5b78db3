//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane"
)

// batches are the production clusters, by the step in which they are rolled out to. In the first one after the canaries is
// one on which web does not start: the tag of its image has the cluster's name.
var batches = [][]string{{"canary-1", "canary-2"}, {"first-1", "first-broken"}, {"rest-1", "rest-2"}}

// Production gets what staging has not had, or all of it gets what does not even run on its first clusters, if this fails:
// a service is rolled out in steps. Staging is first, the first clusters of production wait for a human, the others for
// those before them, and none goes on after one that is Degraded. Another service does not notice.
func TestRolling(t *testing.T) {
	t.Parallel()
	// What is compared in which order matters here, so Argo CD compares only what it is asked for: argo-cd#12325.
	s := start(t, controlplane.Options{Resync: time.Hour})
	s.registerFleet()
	// Six clusters are one here: Applications that make the same namespace at once would get in each other's way.
	for _, service := range []string{"web", "ledger"} {
		s.namespace(s.Production, service+"-production")
	}
	s.must(s.DefaultProject(t.Context()))
	s.must(s.Repository.Remove("services"))
	s.must(s.Repository.Copy("testdata/rolling"))
	s.must(s.Repository.Replace("REPOSITORY", s.Repository.URL))
	s.push("Two services, rolled out in steps")
	history, err := s.Staging.Record(t.Context(), controlplane.Namespace, v1alpha1.SchemeGroupVersion.WithKind("Application"))
	s.must(err)
	for _, service := range []string{"web", "ledger"} {
		s.must(s.Staging.Apply(t.Context(), s.rollout(service)...))
	}

	for _, service := range []string{"web", "ledger"} {
		s.untilReported("Synced", "Healthy", service+"-staging")
		s.untilStep(service+"-staging", "Healthy")
		s.untouchedBy(service, batches...)
	}
	s.release("web", "canary-1")
	s.untouchedBy("web", batches[0][1:], batches[1], batches[2]) // one of the canaries is not enough
	s.release("web", "canary-2")
	s.untilReported("Synced", "Healthy", "web-production-first-1")
	s.untilReported("Synced", "Degraded", "web-production-first-broken")

	s.untouchedBy("ledger", batches...) // nobody has released it yet
	s.release("ledger", batches[0]...)
	s.untilReported("Synced", "Healthy", applications("ledger", slices.Concat(batches...)...)...)
	s.untouchedBy("web", batches[2])

	s.inSteps(history, "ledger", batches, well)
	s.inSteps(history, "web", batches[:2], well)
	s.parityOf(append([]string{"web-staging", "ledger-staging"}, slices.Concat(
		applications("web", slices.Concat(batches...)...), applications("ledger", slices.Concat(batches...)...))...)...)

	s.part("a new version goes the same way", (*suite).newVersion)
	s.part("what is compared out of turn is synced out of turn, unless its step is held", (*suite).outOfTurn)
}

// newVersion changes the image of a service that runs everywhere. Argo CD is told of the commit in the order of the steps:
// an Application that it has not compared with it holds nothing.
func (s *suite) newVersion() {
	old := s.git("rev-parse", "HEAD")
	history, err := s.Staging.Record(s.Context(), controlplane.Namespace, v1alpha1.SchemeGroupVersion.WithKind("Application"))
	s.must(err)
	s.must(s.Repository.Replace("ledger:v1", "ledger:v2"))
	revision := s.push("ledger:v2")
	for _, name := range append([]string{"ledger-staging"}, applications("ledger", slices.Concat(batches...)...)...) {
		s.compared(name)
	}
	s.untilReported("Synced", "Healthy", "ledger-staging")
	s.untilStep("ledger-staging", "Healthy")
	s.heldAt(old, batches...)
	s.release("ledger", "canary-1")
	s.heldAt(old, batches[0][1:], batches[1], batches[2])
	s.release("ledger", "canary-2")
	s.untilReported("Synced", "Healthy", applications("ledger", slices.Concat(batches...)...)...)
	s.inSteps(history, "ledger", batches, func(c controlplane.Change) bool { return well(c) && applied(c) == revision })
	s.untouchedBy("web", batches[2])
}

// outOfTurn has Argo CD compare an Application of the last step with a commit before any other, as it may whenever nobody
// tells it in which order: argo-cd#12325, and docs/generator.md says so. If it is synced then, those that have been compared and
// are held still are. If it never is, nothing is wrong but what the document warns of.
func (s *suite) outOfTurn() {
	const tries = 5
	for version := range tries {
		old := s.git("rev-parse", "HEAD")
		s.must(s.Repository.Replace(fmt.Sprintf("ledger:v%d", version+2), fmt.Sprintf("ledger:v%d", version+3)))
		revision := s.push(fmt.Sprintf("ledger:v%d", version+3))
		if s.isOutOfTurn("ledger-production-rest-1", revision) {
			for _, name := range applications("ledger", batches[0]...) {
				s.compared(name)
			}
			s.heldAt(old, batches[0])
			s.show("out-of-turn", fmt.Sprintf("what was compared first was synced first, by the ApplicationSet controller, at attempt %d of %d\n", version+1, tries))
			return
		}
		s.release("ledger", batches[0]...)
		s.untilReported("Synced", "Healthy", applications("ledger", slices.Concat(batches...)...)...)
	}
	s.show("out-of-turn", fmt.Sprintf("in %d commits, what was compared first was never synced first\n", tries))
}

// isOutOfTurn has an Application compared with a commit, and tells whether the ApplicationSet controller has it synced before
// those of earlier steps. If so, it waits for the end of that.
func (s *suite) isOutOfTurn(name, revision string) bool {
	s.Helper()
	s.compared(name)
	s.must(s.Generate(s.Context(), "tidegate-ledger"))
	if app := s.application(name); app.Operation == nil && revisionOf(app) != revision {
		return false
	}
	s.untilApplication(name, "is synced before all others", func(app *v1alpha1.Application) error {
		if got := revisionOf(app); got != revision {
			return fmt.Errorf("it runs %s", got)
		}
		return controlplane.Synced(app)
	})
	return true
}

// heldAt fails the test unless Applications of ledger are OutOfSync, and what they run is a revision, after the
// ApplicationSet controller has once more decided whether they shall be synced.
func (s *suite) heldAt(revision string, batches ...[]string) {
	s.Helper()
	s.must(s.Generate(s.Context(), "tidegate-ledger"))
	for _, name := range applications("ledger", slices.Concat(batches...)...) {
		app := s.application(name)
		if app.Operation != nil || revisionOf(app) != revision || app.Status.Sync.Status != v1alpha1.SyncStatusCodeOutOfSync {
			s.Errorf("%s is %s with %s, want it OutOfSync with %s: %+v", name, app.Status.Sync.Status, revisionOf(app), revision, app.Operation)
		}
	}
}

// applied is the revision that an Application's last sync has applied; empty unless it has succeeded.
func applied(c controlplane.Change) string {
	state, _, err := unstructured.NestedMap(c.Object.Object, "status", "operationState")
	if err != nil || state["phase"] != string(common.OperationSucceeded) {
		return ""
	}
	revision, _, err := unstructured.NestedString(state, "syncResult", "revision")
	if err != nil {
		return ""
	}
	return revision
}

// registerFleet makes six clusters of one.
func (s *suite) registerFleet() {
	for step, names := range batches {
		for _, name := range names {
			s.must(s.RegisterAlias(s.Context(), s.Production, controlplane.Alias{
				Name:        name,
				Labels:      map[string]string{"tier": "production", "fleet": "six", "rollout": []string{"canary", "first", "rest"}[step]},
				Annotations: map[string]string{"tidegate.dev/values": "CLUSTER: " + name},
			}))
		}
	}
}

// rollout is the ApplicationSet that tidegate preview makes of this test's tidegate.yaml.
func (s *suite) rollout(service string) []*controlplane.Object {
	s.Helper()
	var complaints strings.Builder
	command := exec.CommandContext(s.Context(), s.Tidegate.Binary("tidegate"), "preview", "-o", "applicationset", "--service", service)
	command.Dir, command.Stderr = s.Repository.Work, &complaints
	output, err := command.Output()
	if err != nil {
		s.Fatalf("%s: %v\n%s", command, err, &complaints)
	}
	objects, err := controlplane.Objects(output)
	s.must(err)
	return objects
}

func applications(service string, clusters ...string) []string {
	var out []string
	for _, cluster := range clusters {
		out = append(out, service+"-production-"+cluster)
	}
	return out
}

// release syncs Applications as a human does, and waits until they are healthy.
func (s *suite) release(service string, clusters ...string) {
	s.Helper()
	for _, app := range applications(service, clusters...) {
		s.must(s.Sync(s.Context(), app))
	}
	s.untilReported("Synced", "Healthy", applications(service, clusters...)...)
	for _, app := range applications(service, clusters...) {
		s.untilStep(app, "Healthy")
	}
}

// untilStep waits until the ApplicationSet controller has seen an Application in a state.
func (s *suite) untilStep(app, state string) {
	s.Helper()
	service, _, _ := strings.Cut(app, "-")
	s.until(fmt.Sprintf("the ApplicationSet has %s as %s", app, state), func(ctx context.Context) error {
		var set v1alpha1.ApplicationSet
		if err := s.Staging.Get(ctx, client.ObjectKey{Namespace: controlplane.Namespace, Name: "tidegate-" + service}, &set); err != nil {
			return err
		}
		for _, status := range set.Status.ApplicationStatus {
			if status.Application == app && status.Status == state {
				return nil
			}
		}
		return fmt.Errorf("its steps: %+v", set.Status.ApplicationStatus)
	})
}

// untouchedBy fails the test if a service has been synced to clusters, after the ApplicationSet controller has once more
// decided whether it shall be.
func (s *suite) untouchedBy(service string, batches ...[]string) {
	s.Helper()
	s.must(s.Generate(s.Context(), "tidegate-"+service))
	for _, name := range applications(service, slices.Concat(batches...)...) {
		if app := s.application(name); app.Operation != nil || app.Status.OperationState != nil {
			s.Errorf("%s has been synced too early: %+v", name, app.Status.OperationState)
		}
	}
}

// inSteps fails the test if an Application was synced before all of the steps before it were well.
func (s *suite) inSteps(history *controlplane.History, service string, batches [][]string, well func(controlplane.Change) bool) {
	s.Helper()
	steps := [][]string{{service + "-staging"}}
	for _, batch := range batches {
		steps = append(steps, applications(service, batch...))
	}
	for i, step := range steps[1:] {
		for _, later := range step {
			began := s.first(history, later+" is synced", named("Application", later), operating)
			for _, earlier := range steps[i] {
				if well := s.first(history, earlier+" is healthy", named("Application", earlier), well); began.At < well.At {
					s.Errorf("%s was synced before %s was healthy", later, earlier)
				}
			}
		}
	}
}

// operating is an Application that is being synced, or to be.
func operating(c controlplane.Change) bool {
	_, found, err := unstructured.NestedMap(c.Object.Object, "operation")
	return err == nil && found
}

func well(c controlplane.Change) bool {
	status, _, err := unstructured.NestedString(c.Object.Object, "status", "health", "status")
	return err == nil && status == string(health.HealthStatusHealthy)
}
