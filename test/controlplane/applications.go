package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Applications are all Applications, by name.
func (s *Stack) Applications(ctx context.Context) (map[string]v1alpha1.Application, error) {
	var list v1alpha1.ApplicationList
	if err := s.Staging.List(ctx, &list, client.InNamespace(Namespace)); err != nil {
		return nil, err
	}
	out := map[string]v1alpha1.Application{}
	for _, app := range list.Items {
		out[app.Name] = app
	}
	return out, nil
}

// Reported is nil when Argo CD says of an Application that it is so, and has nothing more to do.
func (s *Stack) Reported(ctx context.Context, name string, sync v1alpha1.SyncStatusCode, health health.HealthStatusCode) error {
	app, err := s.Application(ctx, name)
	if err != nil {
		return err
	}
	state := app.Status.OperationState
	switch {
	case app.Operation != nil || state != nil && !state.Phase.Completed():
		return fmt.Errorf("Application %s: an operation is running: %+v", name, state)
	case app.Status.Sync.Status != sync || app.Status.Health.Status != health:
		return fmt.Errorf("Application %s: %s and %s, want %s and %s%s", name,
			app.Status.Sync.Status, app.Status.Health.Status, sync, health, problems(app))
	}
	return nil
}

// problems is why an Application may not be as it should be.
func problems(app *v1alpha1.Application) string {
	all := []string{conditions(app)}
	if state := app.Status.OperationState; state != nil {
		all = append(all, fmt.Sprintf("its last operation: %s: %s", state.Phase, state.Message))
	}
	for _, resource := range app.Status.Resources {
		if resource.Health != nil && resource.Health.Status != health.HealthStatusHealthy || resource.Status != v1alpha1.SyncStatusCodeSynced {
			all = append(all, fmt.Sprintf("%s %s: %s, %+v", resource.Kind, resource.Name, resource.Status, resource.Health))
		}
	}
	return "\n  " + strings.Join(all, "\n  ")
}

// Reconcile has Argo CD compare an Application with Git, and returns it as it is afterwards. What Argo CD starts because of
// what it saw, it has started then: where no operation is, none comes of it.
func (s *Stack) Reconcile(ctx context.Context, name string, refresh v1alpha1.RefreshType) (*v1alpha1.Application, error) {
	if err := s.annotate(ctx, &v1alpha1.Application{}, name, v1alpha1.AnnotationKeyRefresh, string(refresh)); err != nil {
		return nil, err
	}
	var app *v1alpha1.Application
	return app, s.run.until(ctx, "Argo CD has compared Application "+name, func(ctx context.Context) (err error) {
		if app, err = s.Application(ctx, name); err != nil {
			return err
		}
		if _, asked := app.Annotations[v1alpha1.AnnotationKeyRefresh]; asked {
			return fmt.Errorf("it was last compared at %s", app.Status.ReconciledAt)
		}
		return nil
	})
}

// Generate has Argo CD ask the generator for an ApplicationSet, and waits until all that follows from its answer is done.
func (s *Stack) Generate(ctx context.Context, name string) error {
	// Argo CD may take a first wish for that of an answer that it was given before; a second one it cannot.
	for range 2 {
		if err := s.ask(ctx, name); err != nil {
			return err
		}
		again := s.askAgain(name)
		if err := s.run.until(ctx, "Argo CD has generated ApplicationSet "+name, func(ctx context.Context) error {
			set, asked, err := s.applicationSet(ctx, name)
			if err == nil && asked {
				err = errors.Join(again(ctx), fmt.Errorf("it is not done; errors: %q", setErrors(set)))
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// GenerateInVain is as Generate, but waits until Argo CD reports an error that contains a text. One that is there already is
// forgotten first: when it is there again it is dated as before.
func (s *Stack) GenerateInVain(ctx context.Context, name, want string) error {
	set, _, err := s.applicationSet(ctx, name)
	if err != nil {
		return err
	}
	if strings.Contains(setErrors(set), want) {
		if err := s.forget(ctx, name); err != nil {
			return err
		}
	}
	if err := s.ask(ctx, name); err != nil {
		return err
	}
	again := s.askAgain(name)
	return s.run.until(ctx, "Argo CD has failed to generate ApplicationSet "+name, func(ctx context.Context) error {
		set, asked, err := s.applicationSet(ctx, name)
		switch {
		case err != nil || strings.Contains(setErrors(set), want):
			return err
		case !asked:
			err = s.ask(ctx, name)
		default:
			err = again(ctx)
		}
		return errors.Join(err, fmt.Errorf("its error does not contain %q: %q", want, setErrors(set)))
	})
}

// forget takes away what Argo CD has reported of an ApplicationSet. It reports anew when it generates.
func (s *Stack) forget(ctx context.Context, name string) error {
	set := &v1alpha1.ApplicationSet{}
	set.Namespace, set.Name = Namespace, name
	return s.Staging.Status().Patch(ctx, set, client.RawPatch(types.MergePatchType, []byte(`{"status":{"conditions":[]}}`)))
}

// ask has Argo CD generate an ApplicationSet at once. What is asked for must be another value each time, and is gone when
// Argo CD is done.
func (s *Stack) ask(ctx context.Context, name string) error {
	unique := strconv.FormatInt(time.Now().UnixNano(), 36)
	return s.annotate(ctx, &v1alpha1.ApplicationSet{}, name, common.AnnotationApplicationSetRefresh, unique)
}

// askAgain asks again each time that this has not been done for a while: after an error Argo CD waits for minutes.
func (s *Stack) askAgain(name string) func(ctx context.Context) error {
	const while = 15 * time.Second
	last := time.Now()
	return func(ctx context.Context) error {
		if time.Since(last) < while {
			return nil
		}
		last = time.Now()
		return s.ask(ctx, name)
	}
}

// applicationSet reads an ApplicationSet, and whether Argo CD was asked for something that it has not done.
func (s *Stack) applicationSet(ctx context.Context, name string) (set *v1alpha1.ApplicationSet, asked bool, err error) {
	set = &v1alpha1.ApplicationSet{}
	err = s.Staging.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: name}, set)
	_, asked = set.Annotations[common.AnnotationApplicationSetRefresh]
	return set, asked, err
}

// setErrors is what an ApplicationSet complains of.
func setErrors(set *v1alpha1.ApplicationSet) string {
	var all []string
	for _, condition := range set.Status.Conditions {
		if condition.Type == v1alpha1.ApplicationSetConditionErrorOccurred && condition.Status == v1alpha1.ApplicationSetConditionStatusTrue {
			all = append(all, condition.Message)
		}
	}
	return strings.Join(all, "; ")
}

func (s *Stack) annotate(ctx context.Context, object client.Object, name, key, value string) error {
	object.SetNamespace(Namespace)
	object.SetName(name)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)
	return s.Staging.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// Scale changes the replicas of a Deployment, as kubectl scale does.
func (c *Cluster) Scale(ctx context.Context, namespace, name string, replicas int32) error {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	scale := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, replicas))
	return c.SubResource("scale").Patch(ctx, deployment, scale)
}
