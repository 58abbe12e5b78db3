package simulate

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podStatus is that of a pod whose containers do not all run yet.
type podStatus struct {
	initialized      bool
	init, containers []corev1.ContainerStatus
}

// waitingStatus is the status of a pod that has just been assigned to its node.
func waitingStatus(pod *corev1.Pod) *podStatus {
	out := &podStatus{initialized: len(pod.Spec.InitContainers) == 0}
	reason := "ContainerCreating"
	if !out.initialized {
		reason = "PodInitializing"
	}
	for i := range pod.Spec.InitContainers {
		out.init = append(out.init, waiting(&pod.Spec.InitContainers[i], "PodInitializing", ""))
	}
	for i := range pod.Spec.Containers {
		out.containers = append(out.containers, waiting(&pod.Spec.Containers[i], reason, ""))
	}
	return out
}

// allWait gives all containers the same reason, which concerns the pod.
func (s *podStatus) allWait(reason, message string) {
	for i := range s.containers {
		s.containers[i].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
}

// obstacle is what the first container that waits is waiting for.
func (s *podStatus) obstacle() (reason, message string) {
	for _, container := range s.containers {
		if container.State.Waiting != nil {
			return container.State.Waiting.Reason, container.State.Waiting.Message
		}
	}
	return "", ""
}

// writeTo writes the status, and says whether anything of it is new.
func (s *podStatus) writeTo(status *corev1.PodStatus) bool {
	before := status.DeepCopy()
	status.Phase = corev1.PodPending
	status.InitContainerStatuses = keepTimes(status.InitContainerStatuses, s.init)
	status.ContainerStatuses = keepTimes(status.ContainerStatuses, s.containers)
	unready := fmt.Sprintf("containers with unready status: %v", unreadyNames(s.containers))
	setPodCondition(status, corev1.PodInitialized, s.initialized, "ContainersNotInitialized", "")
	setPodCondition(status, corev1.ContainersReady, false, "ContainersNotReady", unready)
	setPodCondition(status, corev1.PodReady, false, "ContainersNotReady", unready)
	return !equality.Semantic.DeepEqual(before, status)
}

func unreadyNames(containers []corev1.ContainerStatus) []string {
	var names []string
	for _, container := range containers {
		if !container.Ready {
			names = append(names, container.Name)
		}
	}
	return names
}

// keepTimes makes containers that go on running or that have ended keep their times.
func keepTimes(old, next []corev1.ContainerStatus) []corev1.ContainerStatus {
	for i := range next {
		if i >= len(old) {
			break
		}
		was, is := old[i].State, next[i].State
		if was.Running != nil && is.Running != nil || was.Terminated != nil && is.Terminated != nil {
			next[i].State = was
		}
	}
	return next
}

func setPodCondition(status *corev1.PodStatus, kind corev1.PodConditionType, holds bool, reason, message string) {
	next := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}
	if !holds {
		next.Status, next.Reason, next.Message = corev1.ConditionFalse, reason, message
	}
	for i := range status.Conditions {
		old := &status.Conditions[i]
		if old.Type != kind {
			continue
		}
		if old.Status == next.Status {
			next.LastTransitionTime = old.LastTransitionTime
		}
		*old = next
		return
	}
	status.Conditions = append(status.Conditions, next)
}

func waiting(container *corev1.Container, reason, message string) corev1.ContainerStatus {
	started := false
	return corev1.ContainerStatus{
		Name: container.Name, Image: container.Image, Started: &started,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}
}

func running(container *corev1.Container) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{
		Name: container.Name, Image: container.Image, Ready: true, Started: &started,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}
}

func completed(container *corev1.Container) corev1.ContainerStatus {
	started := false
	return corev1.ContainerStatus{
		Name: container.Name, Image: container.Image, Ready: true, Started: &started,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: metav1.Now(), FinishedAt: metav1.Now(),
		}},
	}
}

// sidecar says whether an init container stays beside the others.
func sidecar(container *corev1.Container) bool {
	return container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
