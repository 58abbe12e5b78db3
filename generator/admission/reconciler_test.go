package admission_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/admission"
)

// TestArgoCDsOwnControllerDoesWithAnswersWhatTheSequencesSay has Argo CD's ApplicationSet controller reconcile after each answer of
// some of the sequences. What it creates and deletes is held against the policy, and all that is live then against what the
// simulated one has made of the same answer: so the other sequences stand on the real code, too.
func TestArgoCDsOwnControllerDoesWithAnswersWhatTheSequencesSay(t *testing.T) {
	own := newController(t)
	for seed := range uint64(reconciled()) {
		if err := sequence(seed, own); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%+v", own.did)
	if d := own.did; d.created == 0 || d.updated == 0 || d.deleted == 0 || d.refused == 0 || d.missed == 0 {
		t.Errorf("something never happens: %+v", d)
	}
}

// reconciled is how many sequences Argo CD's controller goes through.
func reconciled() int {
	if testing.Short() || raceDetector {
		return 10
	}
	return 25
}

// answered has Argo CD reconcile with an answer, and the simulated one apply it.
func (c *controller) answered(a *argocd, d *admission.Decision, now time.Time) (created, deleted []string, err error) {
	before := c.live(a)
	after, err := c.reconcile(a, &answer{http.StatusOK, d.AppendBody(nil)})
	if err != nil {
		return nil, nil, err
	}
	c.count(a, d, before, after.apps)
	created, deleted = compared(before, after.apps)
	c.did.created, c.did.deleted = c.did.created+len(created), c.did.deleted+len(deleted)
	alsoCreated, alsoDeleted := a.apply(d, now)
	if !slices.Equal(created, alsoCreated) || !slices.Equal(deleted, alsoDeleted) {
		return nil, nil, fmt.Errorf("Argo CD creates %v and deletes %v; the simulated one creates %v and deletes %v", created, deleted, alsoCreated, alsoDeleted)
	}
	if diff := cmp.Diff(texts(after.apps), texts(c.live(a))); diff != "" {
		return nil, nil, fmt.Errorf("what is live differs, -Argo CD +simulated:\n%s", diff)
	}
	return created, deleted, nil
}

func (c *controller) count(a *argocd, d *admission.Decision, before, after map[string]*v1alpha1.Application) {
	was := texts(before)
	for name, is := range texts(after) {
		if was[name] != "" && was[name] != is {
			c.did.updated++
		}
	}
	for _, app := range rendered(d) {
		if a.missing[app.Spec.Destination.Server] {
			c.did.missed++
		}
	}
}

// refused has Argo CD reconcile with a refusal, which must change nothing but the status of the ApplicationSet, where people
// find what it says.
func (c *controller) refused(a *argocd, refusal *admission.Refusal) error {
	message, err := json.Marshal(map[string]string{"message": refusal.Message})
	if err != nil {
		return err
	}
	after, err := c.reconcile(a, &answer{refusal.Status, message})
	if err != nil {
		return err
	}
	c.did.refused++
	if diff := cmp.Diff(texts(c.live(a)), texts(after.apps)); diff != "" {
		return fmt.Errorf("refused, and Argo CD changes what is live:\n%s", diff)
	}
	for _, condition := range after.set.Status.Conditions {
		if condition.Type == v1alpha1.ApplicationSetConditionErrorOccurred && condition.Status == v1alpha1.ApplicationSetConditionStatusTrue &&
			strings.Contains(condition.Message, refusal.Message) {
			return nil
		}
	}
	return fmt.Errorf("refused, and the status of the ApplicationSet does not say why: %v", after.set.Status.Conditions)
}

// compared are the names that came, and those whose deletion began: where one has no finalizer any more, it is gone.
func compared(before, after map[string]*v1alpha1.Application) (created, deleted []string) {
	for name := range after {
		if before[name] == nil {
			created = append(created, name)
		}
	}
	for name, was := range before {
		if was.DeletionTimestamp == nil && (after[name] == nil || after[name].DeletionTimestamp != nil) {
			deleted = append(deleted, name)
		}
	}
	slices.Sort(created)
	slices.Sort(deleted)
	return created, deleted
}

// texts are Applications by name, as far as an ApplicationSet makes them.
func texts(apps map[string]*v1alpha1.Application) map[string]string {
	out := make(map[string]string, len(apps))
	for name, app := range apps {
		text, err := json.Marshal([]any{app.DeletionTimestamp != nil, app.Labels, app.Annotations, app.Finalizers, app.OwnerReferences, app.Spec})
		if err != nil {
			panic(err)
		}
		out[name] = string(text)
	}
	return out
}
