//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/sets"
)

// watchPods adds to the outcomes of trials what their pods waited for, once all that is ever to run does.
func (t *trials) watchPods(all map[string]trial) {
	for name := range all {
		if t.outcomes[name].kind != stuck {
			t.untilApplication(name, "runs", works)
		}
	}
	for _, order := range t.orders {
		t.upToDate(order)
	}
	for name, trial := range all {
		changes, err := trial.order.pods.Changes(func(c controlplane.Change) bool {
			return slices.Contains(namespacesOf(trial.set), c.Object.GetNamespace())
		})
		t.must(err)
		out := t.outcomes[name]
		for _, change := range changes {
			missing, err := missingFor(change.Object)
			t.must(err)
			out.waited = append(out.waited, missing...)
		}
		slices.Sort(out.waited)
		out.waited = slices.Compact(out.waited)
		t.outcomes[name] = out
	}
}

// upToDate waits until all that has become of pods up to now is in their history.
func (t *trials) upToDate(o ordering) {
	var pods corev1.PodList
	t.must(o.cluster.List(t.Context(), &pods))
	t.until("the history of the pods of "+o.cluster.Name+" is complete", func(context.Context) error {
		var all []error
		for _, pod := range pods.Items {
			at, err := strconv.ParseUint(pod.ResourceVersion, 10, 64)
			if err == nil {
				_, err = o.pods.First("pod "+pod.Name+" at "+pod.ResourceVersion, func(c controlplane.Change) bool {
					return c.Object.GetUID() == pod.UID && c.At >= at
				})
			}
			all = append(all, err)
		}
		return errors.Join(all...)
	})
}

// namespacesOf are where the pods of a set are. No two sets share one.
func namespacesOf(set sets.Set) []string {
	out := []string{set.Name}
	for _, object := range set.Objects {
		if namespace := object.ID().Namespace; namespace != "" && namespace != sets.Namespace {
			out = append(out, namespace)
		}
	}
	return out
}

// absent is what a kubelet says when a pod was started before what its environment or its volumes name.
var absent = regexp.MustCompile(`(secret|configmap) "([^"]+)" not found|couldn't find key \S+ in (Secret|ConfigMap) [^/]+/(\S+)`)

// missingFor is what the containers of a pod wait for.
func missingFor(object *unstructured.Unstructured) ([]string, error) {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &pod); err != nil {
		return nil, err
	}
	var out []string
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if waiting := container.State.Waiting; waiting != nil {
			if found := absent.FindStringSubmatch(waiting.Message); found != nil {
				kind := strings.NewReplacer("secret", "Secret", "configmap", "ConfigMap").Replace(found[1] + found[3])
				out = append(out, fmt.Sprintf("%s %s", kind, found[2]+found[4]))
			}
		}
	}
	return out, nil
}
