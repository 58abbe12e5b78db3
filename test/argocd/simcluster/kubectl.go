package simcluster

import (
	"context"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/kube/kubetest"
	apierr "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/util/openapi"
)

// kubectl is the hands of gitops-engine in this cluster: what is not overridden here, sync does not use.
type kubectl struct {
	kubetest.MockKubectlCmd
	cluster *Cluster
}

func (k *kubectl) ManageResources(*rest.Config, openapi.Resources) (kube.ResourceOperations, func(), error) {
	return &operations{cluster: k.cluster}, func() {}, nil
}

func (k *kubectl) GetResource(_ context.Context, _ *rest.Config, gvk schema.GroupVersionKind, name, namespace string) (*unstructured.Unstructured, error) {
	if obj := k.cluster.get(resource(gvk.GroupKind(), namespace, name)); obj != nil {
		return obj, nil
	}
	return nil, apierr.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, name)
}

func (k *kubectl) DeleteResource(_ context.Context, _ *rest.Config, gvk schema.GroupVersionKind, name, namespace string, _ metav1.DeleteOptions) error {
	return k.cluster.Delete(resource(gvk.GroupKind(), namespace, name))
}

// operations is the part of kubectl that creates and changes.
type operations struct {
	kubetest.MockResourceOps
	cluster *Cluster
}

func (o *operations) ApplyResource(_ context.Context, obj *unstructured.Unstructured, dryRun cmdutil.DryRunStrategy, _, _, _ bool, _ string) (string, error) {
	if dryRun != cmdutil.DryRunNone {
		return "", nil
	}
	return "", o.cluster.Apply(obj)
}

func (o *operations) CreateResource(ctx context.Context, obj *unstructured.Unstructured, dryRun cmdutil.DryRunStrategy, validate bool) (string, error) {
	return o.ApplyResource(ctx, obj, dryRun, false, validate, false, "")
}

func (o *operations) ReplaceResource(ctx context.Context, obj *unstructured.Unstructured, dryRun cmdutil.DryRunStrategy, force bool) (string, error) {
	return o.ApplyResource(ctx, obj, dryRun, force, false, false, "")
}

func (o *operations) UpdateResource(ctx context.Context, obj *unstructured.Unstructured, dryRun cmdutil.DryRunStrategy) (*unstructured.Unstructured, error) {
	_, err := o.ApplyResource(ctx, obj, dryRun, false, false, false, "")
	return obj, err
}
