package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane/process"
)

// LoseArgoCD takes everything of Argo CD away: its servers with what they keep, its kinds with all their objects, its
// namespace with all that was in it, Tidegate's servers too, its roles. What it has delivered stays.
func (s *Stack) LoseArgoCD(ctx context.Context) error {
	if err := s.Tidegate.LoseGenerator(ctx); err != nil {
		return err
	}
	s.Tidegate.Plugin.Stop(ctx, stopGrace)
	for _, server := range []*process.Process{s.ArgoCD.Notifications, s.ArgoCD.ApplicationSets, s.ArgoCD.Controller, s.ArgoCD.RepoServer} {
		server.Stop(ctx, stopGrace)
		if err := os.RemoveAll(server.Dir); err != nil {
			return err
		}
	}
	if err := s.dropFinalizers(ctx); err != nil {
		return err
	}
	var definitions apiextensionsv1.CustomResourceDefinitionList
	ours := client.MatchingLabels{"app.kubernetes.io/part-of": "argocd"}
	if err := s.Staging.List(ctx, &definitions, ours); err != nil {
		return err
	}
	// One by one: a collection of them is deleted without their objects, which would be there again with the definition.
	for _, definition := range definitions.Items {
		if err := s.Staging.Delete(ctx, &definition); err != nil {
			return err
		}
	}
	for _, objects := range []client.Object{&rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}} {
		if err := s.Staging.DeleteAllOf(ctx, objects, ours); err != nil {
			return err
		}
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if err := s.Staging.Delete(ctx, namespace); err != nil {
		return err
	}
	return s.run.until(ctx, "nothing of Argo CD is left", func(ctx context.Context) error {
		definitions.Items = nil
		if err := s.Staging.List(ctx, &definitions, ours); err != nil || len(definitions.Items) > 0 {
			return errors.Join(err, fmt.Errorf("%d CustomResourceDefinitions", len(definitions.Items)))
		}
		err := s.Staging.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("its namespace: %+v", namespace.Status))
	})
}

// dropFinalizers lets Applications go without what they have delivered.
func (s *Stack) dropFinalizers(ctx context.Context) error {
	all, err := s.Applications(ctx)
	if err != nil {
		return err
	}
	for name := range all {
		app := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		if err := s.Staging.Patch(ctx, app, patch); err != nil {
			return err
		}
	}
	return nil
}

// ReinstallArgoCD installs Argo CD anew, as New did: with its clusters and with Tidegate, but without any Application.
func (s *Stack) ReinstallArgoCD(ctx context.Context) error {
	if err := s.installArgoCD(ctx); err != nil {
		return err
	}
	if err := s.startArgoCD(ctx); err != nil {
		return err
	}
	if err := s.Tidegate.install(ctx, s.Staging); err != nil {
		return err
	}
	if err := s.Tidegate.StartPlugin(ctx, s.options.Plugin); err != nil {
		return err
	}
	return s.Tidegate.StartGenerator(ctx)
}

// ApplyRoot applies the one Application from which all others follow.
func (s *Stack) ApplyRoot(ctx context.Context) error {
	return s.Staging.ApplyFile(ctx, "manifests/root.yaml", "https://github.com/myorg/gitops-platform", s.Repository.URL)
}

// RestartGenerator ends the generator as a Deployment's rollout does, and starts it anew.
func (t *Tidegate) RestartGenerator(ctx context.Context) error {
	t.Generator.Stop(ctx, stopGrace)
	return t.StartGenerator(ctx)
}
