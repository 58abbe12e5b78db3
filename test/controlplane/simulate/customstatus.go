package simulate

import (
	"context"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// condition of a custom resource.
type condition struct {
	name            string
	holds           bool
	reason, message string
}

// becomeReady is an operator that does nothing but say so, once per generation.
func becomeReady(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	if left := o.delays.left(obj.GetUID(), step("ready", obj), o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Ready", true, "Reconciled", "the operator has reconciled the resource"})
}

// step names what is done once per generation of an object.
func step(name string, obj *unstructured.Unstructured) string {
	return fmt.Sprintf("%s/%d", name, obj.GetGeneration())
}

// setStatus writes conditions, in place of all others, if they are not what is there.
func (o *operators) setStatus(ctx context.Context, obj *unstructured.Unstructured, conditions ...condition) error {
	before := obj.DeepCopy()
	old, _, err := unstructured.NestedSlice(obj.Object, "status", "conditions")
	if err != nil {
		return err
	}
	var next []any
	for _, condition := range conditions {
		next = append(next, condition.after(old, obj.GetGeneration()))
	}
	if err := unstructured.SetNestedSlice(obj.Object, next, "status", "conditions"); err != nil {
		return err
	}
	if err := unstructured.SetNestedField(obj.Object, obj.GetGeneration(), "status", "observedGeneration"); err != nil {
		return err
	}
	if reflect.DeepEqual(before.Object, obj.Object) {
		return nil
	}
	if o.hasStatus(obj) {
		return o.Status().Patch(ctx, obj, client.MergeFrom(before))
	}
	return o.Patch(ctx, obj, client.MergeFrom(before))
}

func (o *operators) hasStatus(obj *unstructured.Unstructured) bool {
	for _, followed := range o.followed {
		if followed.kind.GroupKind() == obj.GroupVersionKind().GroupKind() {
			return followed.status
		}
	}
	return false
}

// after is a condition as it is written, after those that were there: it keeps the time of its last change.
func (c condition) after(old []any, generation int64) map[string]any {
	status := map[bool]string{true: "True", false: "False"}[c.holds]
	since := metav1.Now().UTC().Format(time.RFC3339)
	if was := conditionOf(old, c.name); was["status"] == status {
		if at, ok := was["lastTransitionTime"].(string); ok {
			since = at
		}
	}
	return map[string]any{
		"type": c.name, "status": status, "reason": c.reason, "message": c.message,
		"lastTransitionTime": since, "observedGeneration": generation,
	}
}

// conditionOf finds a condition by its type; nil when there is none.
func conditionOf(conditions []any, name string) map[string]any {
	for _, each := range conditions {
		if condition, ok := each.(map[string]any); ok && condition["type"] == name {
			return condition
		}
	}
	return nil
}

// holds says whether a condition of an object is True.
func holds(obj *unstructured.Unstructured, name string) bool {
	conditions, _, err := unstructured.NestedSlice(obj.Object, "status", "conditions")
	return err == nil && conditionOf(conditions, name)["status"] == "True"
}

// ready says whether a custom resource exists and is Ready.
func (o *operators) ready(ctx context.Context, kind, group, version string, key client.ObjectKey) (bool, error) {
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(group + "/" + version)
	obj.SetKind(kind)
	err := o.Get(ctx, key, obj)
	if absent(err) {
		return false, nil
	}
	return holds(obj, "Ready"), err
}

// text is a string field of an object, "" where it is missing.
func text(obj map[string]any, fields ...string) string {
	value, _, err := unstructured.NestedString(obj, fields...)
	if err != nil {
		return ""
	}
	return value
}

// decode decodes a part of an object into its Go form; a part that is missing leaves it as it is.
func decode(obj *unstructured.Unstructured, into any, fields ...string) error {
	part, found, err := unstructured.NestedMap(obj.Object, fields...)
	if err != nil || !found {
		return err
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(part, into)
}
