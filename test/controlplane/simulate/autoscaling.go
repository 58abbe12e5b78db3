package simulate

import (
	"context"
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// scaler is the name under which the real autoscaler writes.
const scaler = "kube-controller-manager"

// Autoscale sets the replicas of a HorizontalPodAutoscaler's target as the autoscaler does: through the scale
// subresource, under the controller manager's name. Replicas outside of its bounds are an error.
func Autoscale(ctx context.Context, config *rest.Config, namespace, name string, replicas int32) error {
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	var autoscaler autoscalingv2.HorizontalPodAutoscaler
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &autoscaler); err != nil {
		return err
	}
	if within(&autoscaler, replicas) != replicas {
		return fmt.Errorf("HorizontalPodAutoscaler %s/%s: %d replicas are outside of its bounds %d to %d", namespace, name,
			replicas, minimum(&autoscaler), autoscaler.Spec.MaxReplicas)
	}
	return scale(ctx, c, &autoscaler, replicas)
}

func targetOf(autoscaler *autoscalingv2.HorizontalPodAutoscaler) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetAPIVersion(autoscaler.Spec.ScaleTargetRef.APIVersion)
	out.SetKind(autoscaler.Spec.ScaleTargetRef.Kind)
	out.SetNamespace(autoscaler.Namespace)
	out.SetName(autoscaler.Spec.ScaleTargetRef.Name)
	return out
}

// scaleOf reads the scale subresource of an autoscaler's target.
func scaleOf(ctx context.Context, c client.Client, autoscaler *autoscalingv2.HorizontalPodAutoscaler) (*unstructured.Unstructured, error) {
	out := exampleOf(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	return out, c.SubResource("scale").Get(ctx, targetOf(autoscaler), out)
}

func scale(ctx context.Context, c client.Client, autoscaler *autoscalingv2.HorizontalPodAutoscaler, replicas int32) error {
	current, err := scaleOf(ctx, c, autoscaler)
	if err != nil {
		return err
	}
	if err := unstructured.SetNestedField(current.Object, int64(replicas), "spec", "replicas"); err != nil {
		return err
	}
	return c.SubResource("scale").Update(ctx, targetOf(autoscaler), client.WithSubResourceBody(current), client.FieldOwner(scaler))
}

func minimum(autoscaler *autoscalingv2.HorizontalPodAutoscaler) int32 {
	if autoscaler.Spec.MinReplicas == nil {
		return 1
	}
	return *autoscaler.Spec.MinReplicas
}

// within is the number nearest to replicas that the bounds allow.
func within(autoscaler *autoscalingv2.HorizontalPodAutoscaler, replicas int32) int32 {
	return min(max(replicas, minimum(autoscaler)), autoscaler.Spec.MaxReplicas)
}

func addAutoscaling(w *world) error {
	if !w.Autoscale {
		return nil
	}
	a := &autoscalers{w}
	neighbours := handler.EnqueueRequestsFromMapFunc(a.inNamespace)
	return ctrl.NewControllerManagedBy(w.manager).Named("autoscalers").For(&autoscalingv2.HorizontalPodAutoscaler{}).
		Watches(&appsv1.Deployment{}, neighbours).Watches(&appsv1.StatefulSet{}, neighbours).Complete(a)
}

// autoscalers is the autoscaler of a cluster with metrics whose load is just right.
type autoscalers struct{ *world }

func (a *autoscalers) inNamespace(ctx context.Context, changed client.Object) []reconcile.Request {
	var all autoscalingv2.HorizontalPodAutoscalerList
	if err := a.List(ctx, &all, client.InNamespace(changed.GetNamespace())); err != nil {
		a.Log.Error(err, "autoscalers cannot be listed")
		return nil
	}
	var out []reconcile.Request
	for i := range all.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
	}
	return out
}

func (a *autoscalers) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var autoscaler autoscalingv2.HorizontalPodAutoscaler
	if err := a.Get(ctx, request.NamespacedName, &autoscaler); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if left := a.delays.left(autoscaler.UID, "measure", a.Delay); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	found, err := scaleOf(ctx, a, &autoscaler)
	if absent(err) {
		return reconcile.Result{}, a.report(ctx, &autoscaler, 0, 0, err.Error())
	}
	var current autoscalingv1.Scale
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, &current)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	wanted := within(&autoscaler, current.Spec.Replicas)
	// Zero replicas switch an autoscaler off.
	if current.Spec.Replicas == 0 {
		wanted = 0
	}
	if wanted != current.Spec.Replicas {
		if err := scale(ctx, a, &autoscaler, wanted); err != nil {
			return reconcile.Result{}, gone(err)
		}
	}
	return reconcile.Result{}, a.report(ctx, &autoscaler, current.Status.Replicas, wanted, "")
}

// report writes what the autoscaler saw; failure says why it could not look.
func (a *autoscalers) report(ctx context.Context, autoscaler *autoscalingv2.HorizontalPodAutoscaler, current, wanted int32, failure string) error {
	before := autoscaler.DeepCopy()
	status := &autoscaler.Status
	status.ObservedGeneration, status.CurrentReplicas, status.DesiredReplicas = &autoscaler.Generation, current, wanted
	if failure != "" {
		status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
			autoscalerCondition(before, autoscalingv2.AbleToScale, false, "FailedGetScale", failure),
		}
	} else {
		status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
			autoscalerCondition(before, autoscalingv2.AbleToScale, true, "ReadyForNewScale", "recommended size matches current size"),
			autoscalerCondition(before, autoscalingv2.ScalingActive, wanted > 0, "ValidMetricFound", "the simulated load is just right"),
			autoscalerCondition(before, autoscalingv2.ScalingLimited, false, "DesiredWithinRange", "the desired count is within the acceptable range"),
		}
	}
	if reflect.DeepEqual(before.Status, autoscaler.Status) {
		return nil
	}
	return client.IgnoreNotFound(a.Status().Patch(ctx, autoscaler, client.MergeFrom(before)))
}

// autoscalerCondition keeps the time of the last change.
func autoscalerCondition(before *autoscalingv2.HorizontalPodAutoscaler, kind autoscalingv2.HorizontalPodAutoscalerConditionType, holds bool, reason, message string) autoscalingv2.HorizontalPodAutoscalerCondition {
	out := autoscalingv2.HorizontalPodAutoscalerCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.Now()}
	if holds {
		out.Status = corev1.ConditionTrue
	}
	for _, old := range before.Status.Conditions {
		if old.Type == kind && old.Status == out.Status {
			out.LastTransitionTime = old.LastTransitionTime
		}
	}
	return out
}
