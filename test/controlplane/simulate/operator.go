package simulate

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Annotations that say who operates a custom kind.
const (
	// OperatorAnnotation of a CustomResourceDefinition is Elsewhere where the operator runs whatever the cluster holds.
	// Without it the operator is a Deployment with ControllerOfAnnotation, and without such a Deployment there is none.
	OperatorAnnotation = prefix + "operator"
	Elsewhere          = "elsewhere"
	// ControllerOfAnnotation of a Deployment lists the kinds it operates: group/Kind or group/*, with commas between them.
	// It is at work while one of its pods is available.
	ControllerOfAnnotation = prefix + "controller-of"
	// FinalizerAnnotation of such a Deployment is the finalizer that it puts on its custom resources.
	FinalizerAnnotation = prefix + "finalizer"
)

// operatorOf is the Deployment that operates a kind, nil for one from elsewhere, and whether it is at work.
func (w *world) operatorOf(ctx context.Context, kind schema.GroupKind) (operator *appsv1.Deployment, atWork bool, err error) {
	elsewhere, err := w.operatedElsewhere(ctx, kind)
	if err != nil || elsewhere {
		return nil, elsewhere, err
	}
	var deployments appsv1.DeploymentList
	if err := w.List(ctx, &deployments); err != nil {
		return nil, false, err
	}
	for i := range deployments.Items {
		deployment := &deployments.Items[i]
		if operates(deployment, kind) && deployment.Status.AvailableReplicas > 0 && deployment.DeletionTimestamp == nil {
			return deployment, true, nil
		}
	}
	return nil, false, nil
}

func operates(deployment *appsv1.Deployment, kind schema.GroupKind) bool {
	return annotated(deployment, ControllerOfAnnotation, kind.Group+"/"+kind.Kind) || annotated(deployment, ControllerOfAnnotation, kind.Group+"/*")
}

// finalizersOfKubernetes are those that the garbage collector removes.
var finalizersOfKubernetes = []string{"foregroundDeletion", "orphan"}

// finalize is what an operator does before it lets a custom resource go.
func (o *operators) finalize(ctx context.Context, obj *unstructured.Unstructured) (outcome, error) {
	keep := slices.DeleteFunc(obj.GetFinalizers(), func(name string) bool { return !slices.Contains(finalizersOfKubernetes, name) })
	if len(keep) == len(obj.GetFinalizers()) {
		o.delays.forget(obj.GetUID())
		return outcome{}, nil
	}
	if left := o.delays.left(obj.GetUID(), "finalize", o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	o.delays.forget(obj.GetUID())
	before := obj.DeepCopy()
	obj.SetFinalizers(keep)
	return outcome{}, o.Patch(ctx, obj, client.MergeFrom(before))
}

func (o *operators) addFinalizer(ctx context.Context, obj *unstructured.Unstructured, operator *appsv1.Deployment) error {
	if operator == nil || operator.Annotations[FinalizerAnnotation] == "" {
		return nil
	}
	before := obj.DeepCopy()
	if !controllerutil.AddFinalizer(obj, operator.Annotations[FinalizerAnnotation]) {
		return nil
	}
	return o.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
