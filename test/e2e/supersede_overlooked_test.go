//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

// arrival is a service into whose rollout a newer commit comes, and what becomes of that commit.
type arrival struct {
	name string
	// The plugin's parameter, and Argo CD's.
	waves    string
	selfHeal bool
	// environment decides whether the generator may do something.
	environment string
	// during is the image's tag of the rollout that the newer commit comes into: slow succeeds, broken fails.
	during string
	// synced: the newer commit is synced at all. hooks: and its hooks are run.
	synced, hooks bool
}

// arrivals are in the order in which time runs out for what is to be seen of them: of the one without waves it does not.
var arrivals = []arrival{
	{name: "alone-failing", waves: "tiers", selfHeal: true, environment: "sandbox", during: "broken"},
	{name: "failing", waves: "tiers", selfHeal: true, environment: "staging", during: "broken", synced: true, hooks: true},
	{name: "alone", waves: "tiers", environment: "sandbox", during: "slow"},
	{name: "alone-healing", waves: "tiers", selfHeal: true, environment: "sandbox", during: "slow", synced: true},
	{name: "gated", waves: "tiers", environment: "staging", during: "slow", synced: true, hooks: true},
	{name: "ungated", waves: "off", environment: "sandbox", during: "slow", synced: true, hooks: true},
}

// rolloutSeconds is how long a rollout goes on into which the newer commit is to come, on a busy machine.
const rolloutSeconds = 120

// A commit is never delivered if this fails: it comes while the sync of the one before it waits for a wave, and that sync
// then ends by itself. Argo CD has compared with the commit by then, and manifest-generate-paths tells auto-sync that
// nothing has changed since: it does nothing, or with selfHeal it syncs what differs, without the commit's hooks, which is not
// ours to prevent. If that sync failed, it gives the commit up. Without waves it is over before the next commit comes.
func TestACommitThatComesDuringARolloutIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{StagingOnly: true})
	s.leads(supersede.Policy{Grace: time.Hour, Off: map[string]bool{"sandbox": true}})
	first := s.commitArrivals("first", func(arrival) string { return arrivalManifests("first", 0, 600) })
	s.must(s.DefaultProject(t.Context()))
	objects, err := controlplane.Objects([]byte(arrivalSet(s.Repository.URL)))
	s.must(err)
	s.must(s.Staging.Apply(t.Context(), objects...))
	var names []string
	for _, a := range arrivals {
		s.untilOver(a, first)
		names = append(names, a.name)
	}
	s.parityOf(names...)

	during := s.commitArrivals("during", func(a arrival) string {
		if a.during == "broken" {
			return arrivalManifests("broken", 0, rolloutSeconds)
		}
		return arrivalManifests("slow", rolloutSeconds, 600)
	})
	s.refreshArrivals()
	for _, a := range arrivals {
		s.untilArrivalCompared(a, during)
		s.untilApplication(a.name, "is rolled out", func(app *v1alpha1.Application) error {
			if a.waves == "off" {
				return errors.Join(over(app, during), controlplane.Synced(app))
			}
			return operates(app, during)
		})
	}
	newer := s.commitArrivals("newer", func(arrival) string { return arrivalManifests("newer", 0, 600) })
	s.refreshArrivals()
	for _, a := range arrivals {
		s.untilArrivalCompared(a, newer)
	}
	var fates []func()
	for _, a := range arrivals {
		fates = append(fates, func() {
			t.Run(a.name, func(t *testing.T) { newSuite(t, s.Stack).arrives(a, during, newer) })
		})
	}
	together(fates...)
}

// arrives shows what becomes of the newer commit.
func (s *suite) arrives(a arrival, during, newer string) {
	if !a.synced {
		s.untilOver(a, during)
		// Whatever Argo CD is asked, it does not.
		for range 3 {
			s.untilReconciled(a)
			if app := s.application(a.name); revisionOf(app) != during || app.Operation != nil || app.Status.Sync.Revision != newer {
				s.Fatalf("Argo CD syncs %s, and not only %s", newer, during)
			}
		}
		s.Logf("it stays %s with the newer commit: %v", s.application(a.name).Status.Sync.Status, s.application(a.name).Status.Conditions)
		return
	}
	s.untilOver(a, newer)
	app := s.application(a.name)
	hook := &corev1.ConfigMap{}
	s.must(s.Staging.Get(s.Context(), types.NamespacedName{Namespace: a.name, Name: "migration"}, hook))
	operation := app.Status.OperationState.Operation
	if ran := hook.Data["tag"] == "newer"; ran != a.hooks || (len(operation.Sync.Resources) == 0) != a.hooks || !operation.InitiatedBy.Automated {
		s.Errorf("the newer commit's hook ran: %v, want %v; the operation: %+v", ran, a.hooks, operation)
	}
	if a.environment == "sandbox" {
		return
	}
	s.until("an Event tells", func(ctx context.Context) error { return s.toldOfArrival(ctx, a, during, newer) })
}

func (s *suite) toldOfArrival(ctx context.Context, a arrival, during, newer string) error {
	events := &corev1.EventList{}
	if err := s.Staging.List(ctx, events, client.InNamespace(controlplane.Namespace)); err != nil {
		return err
	}
	var told []string
	for _, event := range events.Items {
		if event.InvolvedObject.Name == a.name && event.Reason == "OverlookedSyncStarted" {
			told = append(told, event.Message)
		}
	}
	want := fmt.Sprintf("Started the sync to %s, which came during the one to %s: auto-sync does not take it for new", newer, during)
	if len(told) != 1 || told[0] != want {
		return fmt.Errorf("Events %q, want one: %s", told, want)
	}
	return nil
}

// over is nil when an Application's last operation applied a revision and has ended.
func over(app *v1alpha1.Application, revision string) error {
	if state := app.Status.OperationState; state == nil || !state.Phase.Completed() || app.Operation != nil || revisionOf(app) != revision {
		return fmt.Errorf("its operation is %+v", state)
	}
	return nil
}

func (s *suite) untilOver(a arrival, revision string) {
	s.Helper()
	s.untilApplication(a.name, "has applied "+revision, func(app *v1alpha1.Application) error { return over(app, revision) })
}

// refreshArrivals has Argo CD compare all of them at once: the rollout of one is not to be over before the last one's turn.
func (s *suite) refreshArrivals() {
	s.Helper()
	for _, a := range arrivals {
		s.must(s.Refresh(s.Context(), a.name))
	}
}

// untilArrivalCompared has Argo CD compare with a revision, as a webhook would.
func (s *suite) untilArrivalCompared(a arrival, revision string) {
	s.Helper()
	s.must(s.Refresh(s.Context(), a.name))
	s.untilApplication(a.name, "is compared with "+revision, func(app *v1alpha1.Application) error {
		if app.Status.Sync.Revision != revision {
			return fmt.Errorf("it is compared with %s", app.Status.Sync.Revision)
		}
		return nil
	})
}

// untilReconciled has Argo CD look once more, after the last operation has ended.
func (s *suite) untilReconciled(a arrival) {
	s.Helper()
	s.must(s.Refresh(s.Context(), a.name))
	s.untilApplication(a.name, "has been looked at", func(app *v1alpha1.Application) error {
		if _, asked := app.Annotations[v1alpha1.AnnotationKeyRefresh]; asked || app.Status.ReconciledAt.Before(app.Status.OperationState.FinishedAt) {
			return errors.New("it has not")
		}
		return nil
	})
}

// commitArrivals changes all services in one commit.
func (s *suite) commitArrivals(message string, manifests func(arrival) string) string {
	s.Helper()
	for _, a := range arrivals {
		s.must(s.Repository.Write("arrivals/"+a.name+"/kustomization.yaml", "resources: [all.yaml]\n"))
		s.must(s.Repository.Write("arrivals/"+a.name+"/all.yaml", manifests(a)))
	}
	return s.push(message)
}

// arrivalManifests are a hook, a Deployment that a sync with waves waits for, and a leaf. Where pods must be ready for some
// seconds, the rollout is slow and healthy.
func arrivalManifests(tag string, seconds, deadline int) string {
	return fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: migration, annotations: {argocd.argoproj.io/hook: PreSync}}
data: {tag: %[1]q}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  minReadySeconds: %[2]d
  progressDeadlineSeconds: %[3]d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example.com/web:%[1]s"}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, labels: {tag: %[1]q}}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
`, tag, seconds, deadline)
}

// arrivalSet makes the Applications.
func arrivalSet(repository string) string {
	elements := ""
	for _, a := range arrivals {
		elements += fmt.Sprintf("        - {name: %s, waves: %q, selfHeal: %t, environment: %s}\n", a.name, a.waves, a.selfHeal, a.environment)
	}
	return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: arrivals}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
    - list:
        elements:
%s  template:
    metadata:
      name: "{{ .name }}"
      labels: {tidegate.dev/environment: "{{ .environment }}"}
      annotations: {argocd.argoproj.io/manifest-generate-paths: "/arrivals/{{ .name }}"}
    spec:
      project: default
      source:
        repoURL: %q
        targetRevision: main
        path: "arrivals/{{ .name }}"
        plugin: {name: tidegate, parameters: [{name: waves, string: "{{ .waves }}"}]}
      destination: {server: "https://kubernetes.default.svc", namespace: "{{ .name }}"}
      syncPolicy:
        syncOptions: [CreateNamespace=true]
        retry: {limit: 0}
  templatePatch: |
    spec: {syncPolicy: {automated: {prune: true, selfHeal: {{ .selfHeal }}}}}
`, elements, repository)
}
