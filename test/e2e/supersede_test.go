//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

// A user waits ten minutes for a repair, or for ever, if this fails: Argo CD starts no operation while one waits for a
// Deployment that never becomes healthy, and with manifest-generate-paths not even afterwards. A rollout that is slow and
// healthy, for which there is nothing newer, is not to be disturbed, and neither is what a human has started.
func TestARepairIsNotHeldUp(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{StagingOnly: true})
	s.must(s.Repository.Remove("services"))
	s.must(s.Repository.Write("tidegate.yaml", fmt.Sprintf(supersedePlatform, s.Repository.URL)))
	for app := range supersedeApplications {
		s.deploys(app, "good", 0)
	}
	first := s.committed("Four services")
	s.must(s.Staging.Apply(t.Context(), s.manifests(supersedeProject)...))
	s.must(s.Staging.ApplyFile(t.Context(), "manifests/applicationset.yaml", "kind: services", "services: [blocked, slow, manual]"))
	s.must(s.Staging.ApplyFile(t.Context(), "manifests/applicationset.yaml", "name: tidegate-services", "name: tidegate-rolling",
		"kind: services", "services: [rolling]", "spec:\n  goTemplate: true", rollingSync))
	s.sync(manual, first)
	for app := range supersedeApplications {
		s.untilOperation(app, first, common.OperationSucceeded, "")
	}
	s.parityOf(slices.Sorted(maps.Keys(supersedeApplications))...)

	kept := s.supersedings("kept")
	s.deploys(slow, "next", 150)
	for _, app := range []string{blocked, rolling, manual} {
		s.deploys(app, "broken", 0)
	}
	broken := s.committed("A slow rollout, and three that break")
	s.untilCompared(manual, broken)
	s.sync(manual, broken)
	for app := range supersedeApplications {
		s.untilOperation(app, broken, common.OperationRunning, "waiting for healthy state of apps/Deployment/web")
	}
	// Each of them is left to go on while there is nothing newer, however long it waits: the grace period is over for all.
	s.until("all have outlasted the grace period", func(context.Context) error {
		if now := s.supersedings("kept"); now != kept+float64(len(supersedeApplications)) {
			return fmt.Errorf("%v of %d have", now-kept, len(supersedeApplications))
		}
		return nil
	})
	for app := range supersedeApplications {
		s.untilOperation(app, broken, common.OperationRunning, "waiting for healthy state of apps/Deployment/web")
	}
	if released := s.supersedings("released"); released != 0 {
		s.Fatalf("%v syncs were ended without a newer revision", released)
	}

	since := time.Now()
	for _, app := range []string{blocked, rolling, manual} {
		s.deploys(app, "repaired", 0)
	}
	repair := s.committed("The repair, which does not concern the slow one")
	var times strings.Builder
	for _, app := range []string{blocked, rolling} {
		s.until("the repair of "+app+" is applied", func(ctx context.Context) error { return s.runsRepaired(ctx, app) })
		fmt.Fprintf(&times, "%-16s %s after the repairing commit\n", app, time.Since(since).Round(time.Second))
	}
	s.show("when-a-superseded-sync-gives-way", times.String())
	s.untilOperation(rolling, repair, common.OperationSucceeded, "")
	s.untilOperation(blocked, repair, common.OperationSucceeded, "")
	s.untilOperation(slow, broken, common.OperationSucceeded, "")

	s.until("the Events tell", func(ctx context.Context) error {
		told := map[string]string{}
		for app := range supersedeApplications {
			events, err := s.EventsOf(ctx, "Application", app)
			if err != nil {
				return err
			}
			for _, event := range events {
				if event.Source.Component != "tidegate-generator" {
					continue
				}
				told[event.Reason+" "+app] = event.Message
				if app == slow || app == rolling && event.Reason == supersede.EventStarted {
					return controlplane.Never(fmt.Errorf("this is not the generator's to say of %s: %s", app, event.Message))
				}
			}
		}
		for _, about := range []string{"Superseded " + blocked, "SupersedingSyncStarted " + blocked, "Superseded " + rolling, "NewerRevisionWaits " + manual} {
			if message := told[about]; !strings.Contains(message, broken) || !strings.Contains(message, repair) {
				return fmt.Errorf("%s: %q", about, message)
			}
		}
		return nil
	})
	s.untilOperation(manual, broken, common.OperationRunning, "waiting for healthy state of apps/Deployment/web")
}

// Applications, two that are synced by themselves, one by a human, one by a RollingSync, and the folders that they deliver.
const (
	blocked = "blocked-staging"
	slow    = "slow-staging"
	manual  = "manual-production"
	rolling = "rolling-staging"
)

var supersedeApplications = map[string]string{
	blocked: "services/blocked/overlays/staging", slow: "services/slow/overlays/staging", manual: "services/manual/overlays/production",
	rolling: "services/rolling/overlays/staging",
}

// supersedings counts what the generator has done, or left, about syncs that wait.
func (s *suite) supersedings(outcome string) float64 {
	s.Helper()
	count, err := s.Tidegate.Metric(s.Context(), "tidegate_generator_supersede_total", map[string]string{"outcome": outcome})
	s.must(err)
	return count
}

// deploys writes what an Application delivers, to a namespace of its own.
func (s *suite) deploys(app, tag string, seconds int) {
	s.Helper()
	dir := supersedeApplications[app]
	s.must(s.Repository.Write(dir+"/kustomization.yaml", "namespace: "+app+"\nresources: [all.yaml]\n"))
	s.must(s.Repository.Write(dir+"/all.yaml", manifests(tag, seconds)))
}

func (s *suite) runsRepaired(ctx context.Context, name string) error {
	deployment := &appsv1.Deployment{}
	if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: name, Name: "web"}, deployment); err != nil {
		return err
	}
	if image := deployment.Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":repaired") {
		return fmt.Errorf("the Deployment runs %s", image)
	}
	return nil
}

func (s *suite) committed(message string) string {
	s.Helper()
	revision, err := s.Repository.Push(message)
	s.must(err)
	return revision
}

func (s *suite) manifests(content string) []*controlplane.Object {
	s.Helper()
	objects, err := controlplane.Objects([]byte(content))
	s.must(err)
	return objects
}

// sync asks for an operation as a human does.
func (s *suite) sync(name, revision string) {
	s.Helper()
	s.until("Application "+name+" can be synced", func(ctx context.Context) error {
		app := &v1alpha1.Application{}
		if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: name}, app); err != nil {
			return err
		}
		app.Operation = &v1alpha1.Operation{
			Sync:        &v1alpha1.SyncOperation{Revision: revision, SyncOptions: app.Spec.SyncPolicy.SyncOptions},
			InitiatedBy: v1alpha1.OperationInitiator{Username: "admin"},
		}
		app.Status.OperationState = nil
		return s.Staging.Update(ctx, app)
	})
}

func (s *suite) untilCompared(name, revision string) {
	s.Helper()
	s.until("Application "+name+" is compared", func(ctx context.Context) error {
		app := &v1alpha1.Application{}
		if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: name}, app); err != nil {
			return err
		}
		if app.Status.Sync.Revision != revision {
			return fmt.Errorf("it is compared with %s", app.Status.Sync.Revision)
		}
		return nil
	})
}

func (s *suite) untilOperation(name, revision string, phase common.OperationPhase, message string) {
	s.Helper()
	s.until(fmt.Sprintf("the operation of %s to %s is %s", name, revision, phase), func(ctx context.Context) error {
		app := &v1alpha1.Application{}
		if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: name}, app); err != nil {
			return err
		}
		state := app.Status.OperationState
		if state == nil || state.SyncResult == nil {
			return errors.New("it has none")
		}
		if state.SyncResult.Revision != revision || state.Phase != phase || !strings.HasPrefix(state.Message, message) {
			return fmt.Errorf("it is %s with %s: %s", state.Phase, state.SyncResult.Revision, state.Message)
		}
		return nil
	})
}

// manifests are a Deployment that a sync waits for, and something after it. Where pods must be ready for some seconds,
// the rollout is slow and healthy.
func manifests(tag string, seconds int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  minReadySeconds: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example.com/web:%s"}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: last, annotations: {argocd.argoproj.io/sync-wave: "10"}}
data: {tag: %q}
`, seconds, tag, tag)
}

const supersedePlatform = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults:
  project: supersede
  repoURL: %q
  targetRevision: main
  syncPolicy: {automated: {prune: true}, syncOptions: [CreateNamespace=true]}
environments:
  - name: staging
    clusterSelector: {matchLabels: {tier: nonproduction}}
  - name: production
    clusterSelector: {matchLabels: {tier: nonproduction}}
    syncPolicy: {syncOptions: [CreateNamespace=true]}
`

const supersedeProject = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: supersede}
spec:
  sourceRepos: ["*"]
  destinations: [{server: "*", namespace: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`

// rollingSync has Argo CD roll out an ApplicationSet in one step.
const rollingSync = `spec:
  strategy:
    type: RollingSync
    rollingSync: {steps: [{matchExpressions: [{key: tidegate.dev/environment, operator: In, values: [staging]}]}]}
  goTemplate: true`
