//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tidegate/tidegate/test/controlplane"
)

// rollout is a way to deliver a service, and what it means to a commit that repairs a broken one.
type rollout struct {
	name string
	// waves is the plugin's parameter.
	waves string
	// generated Applications are those that the generator looks after.
	generated bool
	// held says that the repair waits until the broken rollout has given up.
	held bool
}

var rollouts = []rollout{
	{name: "stuck-unplanned", waves: "off"},
	{name: "stuck-planned", waves: "tiers", held: true},
	{name: "web-staging", waves: "tiers", generated: true},
}

// A user waits for a repair if this fails without the table saying so: a commit breaks the Deployment, the next one repairs
// it. Without waves the repair is applied at once. With waves Argo CD first waits until the broken rollout gives up
// (progressDeadlineSeconds, 20 s here, 600 s by default) and its retries are used up. The generator does not let it.
func stuckRollout(s *suite) {
	histories := map[string]*controlplane.History{}
	for _, r := range rollouts {
		histories[r.name] = s.rollOut(r)
	}
	broken := s.tag("good", "broken")
	for _, r := range rollouts {
		s.untilApplication(r.name, "has applied the broken revision", func(app *v1alpha1.Application) error {
			if r.waves != "off" {
				return operates(app, broken)
			}
			if revisionOf(app) != broken {
				return fmt.Errorf("it has applied %s", revisionOf(app))
			}
			return controlplane.Synced(app)
		})
	}
	repaired := time.Now()
	repair := s.tag("broken", "repaired")
	var table strings.Builder
	for _, r := range rollouts {
		fmt.Fprintf(&table, "\n%-20s %s", r.name, s.repair(r, histories[r.name], repair, repaired))
	}
	s.Logf("when a repair is applied, with progressDeadlineSeconds: 20, and 600 for the one that the generator made:%s", table.String())
}

// rollOut delivers the service as it works.
func (s *suite) rollOut(r rollout) *controlplane.History {
	s.namespace(s.Staging, r.name)
	history, err := s.Staging.Record(s.Context(), r.name, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
	s.must(err)
	s.deliver(r)
	s.untilApplication(r.name, "has been synced", controlplane.Synced)
	return history
}

func (s *suite) deliver(r rollout) {
	if r.generated {
		s.must(s.Staging.ApplyFile(s.Context(), "manifests/applicationset.yaml", "kind: services", "kind: services\n            services: [web]"))
		return
	}
	s.must(s.Deliver(s.Context(), controlplane.Delivery{
		Name: r.name, Path: "stuck", Namespace: r.name, Parameters: map[string]string{"waves": r.waves},
		Policy: &v1alpha1.SyncPolicy{
			Automated: &v1alpha1.SyncPolicyAutomated{Prune: true, SelfHeal: true},
			Retry:     &v1alpha1.RetryStrategy{Limit: 1, Backoff: &v1alpha1.Backoff{Duration: "1s"}},
		},
	}))
}

// tag commits another tag of the image, and tells Argo CD.
func (s *suite) tag(old, new string) string {
	s.must(s.Repository.Replace("web:"+old, "web:"+new))
	revision := s.push("web:" + new)
	for _, r := range rollouts {
		s.compared(r.name)
	}
	return revision
}

// repair waits until the repair is applied, or until Argo CD says that it will not be, and says how it went.
func (s *suite) repair(r rollout, history *controlplane.History, revision string, since time.Time) string {
	runs := func(tag string) func(controlplane.Change) bool {
		return func(c controlplane.Change) bool { return strings.HasSuffix(image(c.Object), ":"+tag) }
	}
	gaveUp := func(c controlplane.Change) bool {
		return runs("broken")(c) && strings.Contains(conditionsOf(c.Object), "ProgressDeadlineExceeded")
	}
	refused := ""
	s.until(r.name+" has applied the repair, or will not", func(ctx context.Context) error {
		app, err := s.Application(ctx, r.name)
		if err != nil {
			return err
		}
		if refused = refusal(app, revision); refused != "" {
			return nil
		}
		_, err = history.First("the repaired Deployment", runs("repaired"))
		return err
	})
	given, err := history.First("the broken rollout has given up", gaveUp)
	if r.waves != "off" && r.held != (err == nil) {
		s.Errorf("%s: the broken rollout gave up before the repair: %v, want %v", r.name, err == nil, r.held)
	}
	if refused == "" {
		repaired, err := history.First("the repaired Deployment", runs("repaired"))
		s.must(err)
		if r.held && repaired.At < given.At {
			s.Errorf("%s: %s, before %s", r.name, repaired, given)
		}
		return fmt.Sprintf("applied after %s", repaired.Seen.Sub(since).Round(time.Second))
	}
	took := time.Since(since).Round(time.Second)
	// What a human does about it.
	s.must(s.Sync(s.Context(), r.name))
	s.until(r.name+" has applied the repair", func(context.Context) error {
		_, err := history.First("the repaired Deployment", runs("repaired"))
		return err
	})
	return fmt.Sprintf("after %s Argo CD gives the repair up, until a human syncs: %s", took, refused)
}

// refusal is why auto-sync will not sync a revision; empty if it may.
func refusal(app *v1alpha1.Application, revision string) string {
	for _, condition := range app.Status.Conditions {
		if condition.Type == v1alpha1.ApplicationConditionSyncError && strings.Contains(condition.Message, "Failed sync attempt to "+revision) &&
			revisionOf(app) != revision && app.Status.OperationState.Phase == common.OperationFailed {
			return condition.Message
		}
	}
	return ""
}

// image is that of a Deployment's first container.
func image(deployment *unstructured.Unstructured) string {
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) == 0 {
		return ""
	}
	first, _ := containers[0].(map[string]any)
	image, _, err := unstructured.NestedString(first, "image")
	if err != nil {
		return ""
	}
	return image
}

// conditionsOf are the reasons of an object's conditions.
func conditionsOf(object *unstructured.Unstructured) string {
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return ""
	}
	return fmt.Sprint(conditions)
}
