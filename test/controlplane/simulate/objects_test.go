//go:build e2e

package simulate_test

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

func (c *cluster) create(objects ...client.Object) {
	c.Helper()
	for _, obj := range objects {
		must(c, c.Create(c.Context(), obj))
	}
}

// apply creates manifests, in the default namespace where they name none.
func (c *cluster) apply(manifests string) {
	c.Helper()
	for _, document := range strings.Split(manifests, "\n---\n") {
		obj := &unstructured.Unstructured{}
		must(c, yaml.Unmarshal([]byte(document), &obj.Object))
		c.until("the API server takes "+obj.GetKind(), func(ctx context.Context) error {
			err := client.NewNamespacedClient(c.Client, "default").Create(ctx, obj.DeepCopy())
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		})
	}
}

// installCRDs installs the kinds of operators, which run elsewhere or in the cluster.
func (c *cluster) installCRDs(elsewhere bool, groups ...string) {
	c.Helper()
	definitions, err := simulate.CRDs(groups...)
	must(c, err)
	for _, definition := range definitions {
		if !elsewhere {
			delete(definition.Annotations, simulate.OperatorAnnotation)
		}
		c.create(definition)
	}
}

// get reads an object of the default namespace, or of none.
func (c *cluster) get(ctx context.Context, apiVersion, kind, name string) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(apiVersion)
	obj.SetKind(kind)
	return obj, client.NewNamespacedClient(c.Client, "default").Get(ctx, client.ObjectKey{Name: name}, obj)
}

func (c *cluster) remove(apiVersion, kind, name string) {
	c.Helper()
	obj, err := c.get(c.Context(), apiVersion, kind, name)
	must(c, err)
	must(c, c.Delete(c.Context(), obj))
}

// untilCondition waits until a custom resource has a condition.
func (c *cluster) untilCondition(apiVersion, kind, name, condition, status, reason string) {
	c.Helper()
	c.until(fmt.Sprintf("%s %s has condition %s=%s (%s)", kind, name, condition, status, reason), func(ctx context.Context) error {
		obj, err := c.get(ctx, apiVersion, kind, name)
		if err != nil {
			return err
		}
		conditions, _, err := unstructured.NestedSlice(obj.Object, "status", "conditions")
		if err != nil {
			return err
		}
		for _, each := range conditions {
			if each, ok := each.(map[string]any); ok && each["type"] == condition && each["status"] == status && each["reason"] == reason {
				return nil
			}
		}
		return fmt.Errorf("its conditions are %v", conditions)
	})
}

func (c *cluster) untilGone(apiVersion, kind, name string) {
	c.Helper()
	c.until(kind+" "+name+" is gone", func(ctx context.Context) error {
		obj, err := c.get(ctx, apiVersion, kind, name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return cause(err, fmt.Errorf("it has deletion timestamp %v and finalizers %v", obj.GetDeletionTimestamp(), obj.GetFinalizers()))
	})
}

func (c *cluster) untilThere(apiVersion, kind, name string) {
	c.Helper()
	c.until(kind+" "+name+" is there", func(ctx context.Context) error {
		_, err := c.get(ctx, apiVersion, kind, name)
		return err
	})
}

// untilWaiting waits until a container of a pod waits, for a reason whose message names something.
func (c *cluster) untilWaiting(pod, reason, names string) {
	c.Helper()
	c.until(fmt.Sprintf("pod %s waits: %s, %s", pod, reason, names), func(ctx context.Context) error {
		found, err := c.pod(ctx, pod)
		if err != nil {
			return err
		}
		for _, container := range append(found.Status.InitContainerStatuses, found.Status.ContainerStatuses...) {
			if waiting := container.State.Waiting; waiting != nil && waiting.Reason == reason && strings.Contains(waiting.Message, names) {
				return nil
			}
		}
		return fmt.Errorf("its status is %+v", found.Status)
	})
}

func (c *cluster) pod(ctx context.Context, name string) (*corev1.Pod, error) {
	var pod corev1.Pod
	return &pod, c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, &pod)
}

func (c *cluster) untilPhase(pod string, phase corev1.PodPhase) {
	c.Helper()
	c.until(fmt.Sprintf("pod %s is %s", pod, phase), func(ctx context.Context) error {
		found, err := c.pod(ctx, pod)
		if err == nil && found.Status.Phase != phase {
			err = fmt.Errorf("its status is %+v", found.Status)
		}
		return err
	})
}

func (c *cluster) untilAvailable(deployment string, replicas int32) {
	c.Helper()
	c.until(fmt.Sprintf("%d pods of Deployment %s are available", replicas, deployment), func(ctx context.Context) error {
		var found appsv1.Deployment
		err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: deployment}, &found)
		if err == nil && found.Status.AvailableReplicas != replicas {
			err = fmt.Errorf("its status is %+v", found.Status)
		}
		return err
	})
}

func (c *cluster) scale(deployment string, replicas int32) {
	c.Helper()
	target := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: deployment}}
	must(c, c.Patch(c.Context(), target, client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))))
}

// setImage changes the image of a Deployment's only container.
func (c *cluster) setImage(deployment, image string) {
	c.Helper()
	target := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: deployment}}
	patch := fmt.Appendf(nil, `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":%q}]`, image)
	must(c, c.Patch(c.Context(), target, client.RawPatch("application/json-patch+json", patch)))
}

// untilUnready waits until a Service knows pods, with their addresses, and that none of them is ready.
func (c *cluster) untilUnready(service string) {
	c.Helper()
	c.until("Service "+service+" has pods that are not ready", func(ctx context.Context) error {
		var slices discoveryv1.EndpointSliceList
		err := c.List(ctx, &slices, client.InNamespace("default"), client.MatchingLabels{discoveryv1.LabelServiceName: service})
		known := false
		for _, slice := range slices.Items {
			for _, endpoint := range slice.Endpoints {
				known = true
				if ready := endpoint.Conditions.Ready; ready == nil || *ready {
					err = fmt.Errorf("%v is ready", endpoint.Addresses)
				}
			}
		}
		if err == nil && !known {
			err = fmt.Errorf("it knows no pod: %v", slices.Items)
		}
		return err
	})
}

func configMap(name string) client.Object {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Data: map[string]string{"key": "value"}}
}

func secret(name string) client.Object {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, StringData: map[string]string{"key": "value"}}
}
