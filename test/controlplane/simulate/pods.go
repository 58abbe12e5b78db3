package simulate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"k8s.io/client-go/tools/record"
)

// pods is the kubelet of all nodes: it holds a pod back until it may start, and shows why. Then it tells kwok.
type pods struct {
	*world
	events record.EventRecorder
}

func addPods(w *world) error {
	p := &pods{world: w, events: w.manager.GetEventRecorderFor("kubelet")}
	neighbours := handler.EnqueueRequestsFromMapFunc(p.heldBack)
	return ctrl.NewControllerManagedBy(w.manager).Named("pods").
		For(&corev1.Pod{}, builder.WithPredicates(only(assigned))).
		Watches(&corev1.ConfigMap{}, neighbours).
		Watches(&corev1.Secret{}, neighbours).
		Watches(&corev1.PersistentVolumeClaim{}, neighbours).
		Complete(p)
}

// assigned says whether a kubelet has to do with a pod.
func assigned(obj client.Object) bool {
	pod, ok := obj.(*corev1.Pod)
	return ok && pod.Spec.NodeName != "" && pod.DeletionTimestamp == nil
}

// heldBack are the pods that may be waiting for an object of their namespace.
func (p *pods) heldBack(ctx context.Context, changed client.Object) []reconcile.Request {
	var all corev1.PodList
	if err := p.List(ctx, &all, client.InNamespace(changed.GetNamespace())); err != nil {
		// A cache that runs has no way to fail.
		p.Log.Error(err, "pods cannot be listed", "namespace", changed.GetNamespace())
		return nil
	}
	var out []reconcile.Request
	for i := range all.Items {
		pod := &all.Items[i]
		if assigned(pod) && pod.Annotations[podAnnotation] == "" {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)})
		}
	}
	return out
}

func (p *pods) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var pod corev1.Pod
	if err := p.Get(ctx, request.NamespacedName, &pod); err != nil || !assigned(&pod) {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	switch pod.Annotations[podAnnotation] {
	case "":
		return p.start(ctx, &pod)
	case podRuns:
		return p.finish(ctx, &pod)
	default:
		p.delays.forget(pod.UID)
		return reconcile.Result{}, nil
	}
}

// start goes through what happens before the containers of a pod run, as far as it comes.
func (p *pods) start(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	status := waitingStatus(pod)
	if left := p.delays.left(pod.UID, "start", p.PodStart); left > 0 {
		return reconcile.Result{RequeueAfter: left}, p.show(ctx, pod, status, "", "")
	}
	unmounted, err := p.missing(ctx, pod.Namespace, ofVolumes(&pod.Spec))
	if err != nil {
		return reconcile.Result{}, err
	}
	if unmounted != "" {
		status.allWait("ContainerCreating", unmounted)
		return reconcile.Result{}, p.show(ctx, pod, status, "FailedMount", unmounted)
	}
	if result, ready, err := p.initialize(ctx, pod, status); err != nil || !ready {
		return result, err
	}
	for i := range pod.Spec.Containers {
		container := &pod.Spec.Containers[i]
		reason, message, err := p.obstacle(ctx, pod, container)
		if err != nil {
			return reconcile.Result{}, err
		}
		if reason != "" {
			status.containers[i] = waiting(container, reason, message)
		} else {
			status.containers[i] = running(container)
		}
	}
	if reason, message := status.obstacle(); reason != "" {
		return reconcile.Result{}, p.show(ctx, pod, status, reason, message)
	}
	return reconcile.Result{}, p.tell(ctx, pod, p.beginning(pod))
}

// initialize runs the init containers, one after the other.
func (p *pods) initialize(ctx context.Context, pod *corev1.Pod, status *podStatus) (result reconcile.Result, ready bool, err error) {
	for i := range pod.Spec.InitContainers {
		container := &pod.Spec.InitContainers[i]
		reason, message, err := p.obstacle(ctx, pod, container)
		if err != nil {
			return result, false, err
		}
		if fate := p.Tags.of(container.Image); reason == "" && fate != Runs {
			reason, message = "CrashLoopBackOff", "back-off 40s restarting failed container="+container.Name
		}
		if reason != "" {
			status.init[i] = waiting(container, reason, message)
			return result, false, p.show(ctx, pod, status, reason, message)
		}
		status.init[i] = running(container)
		if sidecar(container) {
			continue
		}
		if left := p.delays.left(pod.UID, "init/"+container.Name, p.JobRun); left > 0 {
			return reconcile.Result{RequeueAfter: left}, false, p.show(ctx, pod, status, "", "")
		}
		status.init[i] = completed(container)
	}
	status.initialized = true
	return result, true, nil
}

// obstacle is why a kubelet cannot start a container; an empty reason when it can.
func (p *pods) obstacle(ctx context.Context, pod *corev1.Pod, container *corev1.Container) (reason, message string, err error) {
	if p.Tags.of(container.Image) == Unpullable {
		return "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q", container.Image), nil
	}
	missing, err := p.missing(ctx, pod.Namespace, ofContainer(container))
	if missing != "" {
		return "CreateContainerConfigError", missing, nil
	}
	return "", "", err
}

// beginning is how the life of a pod begins.
func (p *pods) beginning(pod *corev1.Pod) string {
	for _, container := range pod.Spec.Containers {
		fate := p.Tags.of(container.Image)
		if fate == Crashes || fate == Fails && !ends(pod) {
			return podCrashes
		}
	}
	return podRuns
}

// finish ends pods that are there to do one thing.
func (p *pods) finish(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if !ends(pod) {
		p.delays.forget(pod.UID)
		return reconcile.Result{}, nil
	}
	if pod.Status.Phase != corev1.PodRunning {
		return reconcile.Result{}, nil
	}
	if left := p.delays.left(pod.UID, "run", p.JobRun); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	for _, container := range pod.Spec.Containers {
		if p.Tags.of(container.Image) == Fails {
			return reconcile.Result{}, p.tell(ctx, pod, podFails)
		}
	}
	return reconcile.Result{}, p.tell(ctx, pod, podSucceeds)
}

// ends says whether the program of a pod is one that ends. Its restart policy tells.
func ends(pod *corev1.Pod) bool { return pod.Spec.RestartPolicy != corev1.RestartPolicyAlways }

// tell gives kwok the word to go on.
func (p *pods) tell(ctx context.Context, pod *corev1.Pod, word string) error {
	told := pod.DeepCopy()
	if told.Annotations == nil {
		told.Annotations = map[string]string{}
	}
	told.Annotations[podAnnotation] = word
	return client.IgnoreNotFound(p.Patch(ctx, told, client.MergeFrom(pod)))
}

// show writes why a pod waits, and records it as an event when it is new.
func (p *pods) show(ctx context.Context, pod *corev1.Pod, status *podStatus, reason, message string) error {
	shown := pod.DeepCopy()
	if !status.writeTo(&shown.Status) {
		return nil
	}
	if reason != "" {
		p.events.Event(pod, corev1.EventTypeWarning, eventOf(reason), message)
	}
	return client.IgnoreNotFound(p.Status().Patch(ctx, shown, client.StrategicMergeFrom(pod)))
}

// eventOf is the reason that a kubelet's event has.
func eventOf(reason string) string {
	switch reason {
	case "FailedMount":
		return reason
	case "CrashLoopBackOff", "ImagePullBackOff":
		return "BackOff"
	default:
		return "Failed"
	}
}
