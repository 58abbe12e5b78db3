//go:build e2e

package e2e

import (
	"context"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/controlplane"
)

// push pushes what has changed in the repository.
func (s *suite) push(message string) string {
	s.Helper()
	revision, err := s.Repository.Push(message)
	s.must(err)
	return revision
}

// application reads an Application.
func (s *suite) application(name string) *v1alpha1.Application {
	s.Helper()
	app, err := s.Application(s.Context(), name)
	s.must(err)
	return app
}

// untilApplication waits until an Application is as it should be.
func (s *suite) untilApplication(name, what string, holds func(*v1alpha1.Application) error) {
	s.Helper()
	s.until(fmt.Sprintf("Application %s %s", name, what), func(ctx context.Context) error {
		app, err := s.Application(ctx, name)
		if err != nil {
			return err
		}
		return holds(app)
	})
}

// untilGone waits until an object is not there any more.
func (s *suite) untilGone(what string, object client.Object) {
	s.Helper()
	s.until(what+" is gone", func(ctx context.Context) error {
		err := s.Staging.Get(ctx, client.ObjectKeyFromObject(object), object)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it is still there, with finalizers %v", object.GetFinalizers())
		}
		return err
	})
}

// revisionOf is the revision that the last operation of an Application applies; empty while it is not known.
func revisionOf(app *v1alpha1.Application) string {
	if state := app.Status.OperationState; state != nil && state.SyncResult != nil {
		return state.SyncResult.Revision
	}
	return ""
}

// operates is nil while an operation of an Application applies a revision.
func operates(app *v1alpha1.Application, revision string) error {
	if state := app.Status.OperationState; state == nil || state.Phase != common.OperationRunning || revisionOf(app) != revision {
		return fmt.Errorf("its operation is %+v", state)
	}
	return nil
}

// planOf computes in this process what the plugin shall write.
func (s *suite) planOf(path, namespace string) *wave.Plan {
	s.Helper()
	tree, err := render.OpenDisk(s.Repository.Work)
	s.must(err)
	defer func() { s.must(tree.Close()) }()
	settings := plugin.Defaults()
	settings.Namespace = namespace
	result, err := plugin.Run(s.Context(), render.Once(), plugin.Request{Tree: tree, Dir: path, Settings: settings})
	s.must(err)
	return result.Plan
}

// healthy is what Argo CD thinks of an object; nil means that it is Healthy, or of a kind that has no health.
func healthy(object *unstructured.Unstructured) error {
	status, err := health.GetResourceHealth(object, lua.ResourceHealthOverrides{})
	if err == nil && status != nil && status.Status != health.HealthStatusHealthy {
		err = fmt.Errorf("%s %s is %s: %s", object.GetKind(), object.GetName(), status.Status, status.Message)
	}
	return err
}

// namespace makes a namespace.
func (s *suite) namespace(cluster *controlplane.Cluster, name string) {
	s.Helper()
	s.must(client.IgnoreAlreadyExists(cluster.Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})))
}

// object is an object with nothing in it yet.
func (s *suite) object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(apiVersion)
	object.SetKind(kind)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

func keyOf(object client.Object) client.ObjectKey { return client.ObjectKeyFromObject(object) }
