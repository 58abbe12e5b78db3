//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

// rollout is a way to deliver a service, and what it means to a commit that repairs a broken one.
type rollout struct {
	name string
	// heading is what it is called in the document.
	heading string
	// waves is the plugin's parameter.
	waves string
	// path is the folder that is delivered; empty is that of an Application that the generator looks after.
	path string
	// deadline is after how many seconds the broken rollout gives up.
	deadline int
	// fate is when the repair is applied.
	fate fate
}

// fate is when a repair is applied.
type fate string

const (
	// atOnce is before the broken rollout has given up.
	atOnce fate = "at once, while the broken rollout is still under way"
	// released is so too, but the generator had to end the broken rollout's sync.
	released fate = "after the grace period, while the broken rollout is still under way"
	// afterDeadline is as soon as the broken rollout has given up.
	afterDeadline fate = "by itself, after the broken rollout has given up"
	// never is not before a human syncs.
	never fate = "never by itself: the broken rollout gives up, and Argo CD takes that for a failed attempt at the repair"
)

// Where nobody is to wait for the deadline it is Kubernetes' own, which does not pass while a test runs.
var rollouts = []rollout{
	{name: "stuck-unplanned", heading: "Argo CD, no waves", waves: "off", path: "stuck-patiently", deadline: 600, fate: atOnce},
	{name: "stuck-planned", heading: "Argo CD, Tidegate's waves", waves: "tiers", path: "stuck", deadline: 90, fate: never},
	{name: "web-staging", heading: "the same, and the generator releases superseded operations", waves: "tiers", deadline: 600, fate: released},
}

// A user waits for a repair if this fails: a commit breaks the Deployment, the next one repairs it. Without waves the repair
// is applied at once. With waves Argo CD first waits until the broken rollout gives up and its retries are used up. The
// generator does not let it. waits is called when all broken rollouts are under way.
func stuckRollout(s *suite, waits func()) {
	histories := map[string]*controlplane.History{}
	for _, r := range rollouts {
		histories[r.name] = s.rollOut(r)
		s.parityOf(r.name)
	}
	broken := s.tag("good", "broken")
	for _, r := range byDeadline() {
		s.untilApplication(r.name, "has applied the broken revision", func(app *v1alpha1.Application) error {
			if r.waves != "off" {
				return waitsFor(app, broken)
			}
			if revisionOf(app) != broken {
				return fmt.Errorf("it has applied %s", revisionOf(app))
			}
			return controlplane.Synced(app)
		})
	}
	waits()
	repair := s.tag("broken", "repaired")
	repaired := time.Now()
	rows := []string{"| with | `progressDeadlineSeconds` | the repair is applied |", "|---|---|---|"}
	var times strings.Builder
	for _, r := range rollouts {
		got := s.repair(r, histories[r.name], repair)
		if got.fate != r.fate {
			s.Errorf("%s: the repair was applied %s, want %s", r.name, got.fate, r.fate)
		}
		if got.deadline != r.deadline {
			s.Errorf("%s: the broken rollout was given %d s, want %d", r.name, got.deadline, r.deadline)
		}
		rows = append(rows, fmt.Sprintf("| %s | %d | %s |", r.heading, got.deadline, got.fate))
		fmt.Fprintf(&times, "%-20s progressDeadlineSeconds %3d  %s; decided after %s\n",
			r.name, got.deadline, got.fate, got.at.Sub(repaired).Round(time.Second))
	}
	s.show("when-a-repair-is-applied", times.String())
	s.table("docs/supersede.md", "repair", rows)
}

// waitsFor is nil when the operation of an Application to a revision waits for the Deployment, of which Argo CD knows that it is under
// way. An operation that is over has not waited.
func waitsFor(app *v1alpha1.Application, revision string) error {
	if revisionOf(app) == revision && app.Status.OperationState.Phase.Completed() {
		return controlplane.Never(fmt.Errorf("its operation did not wait: %+v", app.Status.OperationState))
	}
	if err := operates(app, revision); err != nil {
		return err
	}
	for _, r := range app.Status.Resources {
		switch {
		case r.Kind != "Deployment":
		case r.Health != nil && r.Health.Status == health.HealthStatusProgressing:
			return nil
		default:
			return fmt.Errorf("its Deployment is %+v", r.Health)
		}
	}
	return errors.New("its Deployment is not known")
}

// byDeadline are the rollouts, those first that soon give up: what is to be seen before they do is not to wait for the others.
func byDeadline() []rollout {
	return slices.SortedStableFunc(slices.Values(rollouts), func(a, b rollout) int { return cmp.Compare(a.deadline, b.deadline) })
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
	if r.path == "" {
		s.must(s.Staging.ApplyFile(s.Context(), "manifests/applicationset.yaml", "kind: services", "kind: services\n            services: [web]"))
		return
	}
	s.must(s.Deliver(s.Context(), controlplane.Delivery{
		Name: r.name, Path: r.path, Reads: []string{"stuck"}, Namespace: r.name, Parameters: map[string]string{"waves": r.waves},
		Policy: &v1alpha1.SyncPolicy{
			Automated: &v1alpha1.SyncPolicyAutomated{Prune: true, SelfHeal: true},
			Retry:     &v1alpha1.RetryStrategy{Limit: 1, Backoff: &v1alpha1.Backoff{Duration: "1s"}},
		},
	}))
}

// tag commits another tag of the image, and has Argo CD compare all of them at once.
func (s *suite) tag(old, new string) string {
	s.must(s.Repository.Replace("web:"+old, "web:"+new))
	revision := s.push("web:" + new)
	for _, r := range byDeadline() {
		s.must(s.Refresh(s.Context(), r.name))
	}
	for _, r := range byDeadline() {
		s.compared(r.name)
	}
	return revision
}

// repaired is what became of a repair.
type repaired struct {
	fate fate
	// deadline is what the broken rollout was given, in seconds.
	deadline int
	// at is when it was applied, or when Argo CD said that it will not be.
	at time.Time
}

// repair waits until the repair is applied, or until Argo CD says that it will not be, and says how it went.
func (s *suite) repair(r rollout, history *controlplane.History, revision string) repaired {
	runs := func(tag string) func(controlplane.Change) bool {
		return func(c controlplane.Change) bool { return strings.HasSuffix(image(c.Object), ":"+tag) }
	}
	gaveUp := func(c controlplane.Change) bool {
		return runs("broken")(c) && strings.Contains(conditionsOf(c.Object), "ProgressDeadlineExceeded")
	}
	var out repaired
	s.until(r.name+" has applied the repair, or will not", func(ctx context.Context) error {
		app, err := s.Application(ctx, r.name)
		if err != nil {
			return err
		}
		if refusal(app, revision) != "" {
			out.fate, out.at = never, time.Now()
			return nil
		}
		_, err = history.First("the repaired Deployment", runs("repaired"))
		return err
	})
	if out.fate == never {
		// What a human does about it.
		s.must(s.Sync(s.Context(), r.name))
	}
	repaired := s.first(history, r.name+" has applied the repair", runs("repaired"))
	broken := s.first(history, "the broken Deployment", runs("broken"))
	out.deadline = deadlineOf(broken.Object)
	given, err := history.First("the broken rollout has given up", gaveUp)
	switch {
	case out.fate == never && (err != nil || given.At > repaired.At):
		s.Errorf("%s: Argo CD gives the repair up before the broken rollout has given up: %v", r.name, err)
	case out.fate == never:
		return out
	case err != nil || given.At > repaired.At:
		out.fate = atOnce
		if r.path == "" {
			s.superseded(r.name)
			out.fate = released
		}
	default:
		out.fate = afterDeadline
	}
	out.at = repaired.Seen
	return out
}

// superseded waits until the generator has told that it ended a sync of an Application.
func (s *suite) superseded(app string) {
	s.until("the generator has ended a sync of "+app, func(ctx context.Context) error {
		events, err := s.EventsOf(ctx, "Application", app)
		if err == nil && !slices.ContainsFunc(events, func(e corev1.Event) bool { return e.Reason == supersede.EventSuperseded }) {
			err = fmt.Errorf("none of %d Events says so", len(events))
		}
		return err
	})
}

// deadlineOf is after how many seconds without progress a Deployment gives up.
func deadlineOf(deployment *unstructured.Unstructured) int {
	seconds, _, err := unstructured.NestedInt64(deployment.Object, "spec", "progressDeadlineSeconds")
	if err != nil {
		return 0
	}
	return int(seconds)
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
