package simulate

import (
	"context"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// follow watches the kind of a definition as long as the definition exists.
func (o *operators) follow(ctx context.Context, name string) (reconcile.Result, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	err := o.Get(ctx, client.ObjectKey{Name: name}, &definition)
	if apierrors.IsNotFound(err) {
		return reconcile.Result{}, o.unfollow(ctx, name)
	}
	if err != nil || !established(&definition) || definition.Spec.Group == argoGroup {
		return reconcile.Result{}, err
	}
	next := followedBy(&definition)
	if o.followed[name] == next {
		return reconcile.Result{}, o.lookAtAll(ctx, next.kind)
	}
	// A watch of a kind that the API server does not serve yet would be tried again only after a long while.
	if _, err := o.RESTMapper().RESTMapping(next.kind.GroupKind(), next.kind.Version); err != nil {
		if meta.IsNoMatchError(err) {
			return reconcile.Result{RequeueAfter: o.Delay}, nil
		}
		return reconcile.Result{}, err
	}
	if err := o.unfollow(ctx, name); err != nil {
		return reconcile.Result{}, err
	}
	o.followed[name] = next
	return reconcile.Result{}, o.watch(exampleOf(next.kind))
}

func (o *operators) unfollow(ctx context.Context, name string) error {
	old, ok := o.followed[name]
	if !ok {
		return nil
	}
	delete(o.followed, name)
	return o.manager.GetCache().RemoveInformer(ctx, exampleOf(old.kind))
}

// lookAtAll looks at every object of a kind: it may have another operator now.
func (o *operators) lookAtAll(ctx context.Context, kind schema.GroupVersionKind) error {
	var all unstructured.UnstructuredList
	all.SetGroupVersionKind(kind)
	if err := o.List(ctx, &all); err != nil {
		return gone(err)
	}
	for i := range all.Items {
		o.queue.Add(subject{kind: kind, NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
	}
	return nil
}

// operatedElsewhere says whether a kind's operator is at work whatever the cluster holds.
func (w *world) operatedElsewhere(ctx context.Context, kind schema.GroupKind) (bool, error) {
	var definitions apiextensionsv1.CustomResourceDefinitionList
	if err := w.List(ctx, &definitions); err != nil {
		return false, err
	}
	for _, definition := range definitions.Items {
		if definition.Spec.Group == kind.Group && definition.Spec.Names.Kind == kind.Kind {
			return definition.Annotations[OperatorAnnotation] == Elsewhere, nil
		}
	}
	return false, nil
}

func followedBy(definition *apiextensionsv1.CustomResourceDefinition) followed {
	out := followed{kind: schema.GroupVersionKind{Group: definition.Spec.Group, Kind: definition.Spec.Names.Kind}}
	for _, version := range definition.Spec.Versions {
		if version.Served && (out.kind.Version == "" || version.Storage) {
			out.kind.Version = version.Name
			out.status = version.Subresources != nil && version.Subresources.Status != nil
		}
	}
	return out
}

func established(definition *apiextensionsv1.CustomResourceDefinition) bool {
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensionsv1.Established {
			return condition.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

func exampleOf(kind schema.GroupVersionKind) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(kind)
	return out
}
