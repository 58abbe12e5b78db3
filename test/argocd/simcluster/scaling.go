package simcluster

import (
	"cmp"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// scaled says whether the target that an autoscaler names exists.
func (c *Cluster) scaled(namespace string, ref map[string]any) bool {
	gvk := schema.FromAPIVersionAndKind(cmp.Or(str(ref, "apiVersion"), "apps/v1"), cmp.Or(str(ref, "kind"), "Deployment"))
	return c.present(resource(gvk.GroupKind(), namespace, str(ref, "name")))
}

// scale is the autoscaler, which reports at once that it cannot read the scale of what does not exist.
func (c *Cluster) scale(key kube.ResourceKey, obj *unstructured.Unstructured) {
	able := condition("AbleToScale", true, "SucceededGetScale", "")
	if !c.scaled(key.Namespace, dict(obj.Object, "spec", "scaleTargetRef")) {
		able = condition("AbleToScale", false, "FailedGetScale", "the HPA controller was unable to get the target's current scale")
	}
	obj.Object["status"] = map[string]any{"conditions": conditions(able)}
}

// scaleOnEvents is KEDA, which rejects a target or an authentication that does not exist.
func (c *Cluster) scaleOnEvents(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) {
		return
	}
	why := ""
	if !c.scaled(key.Namespace, dict(obj.Object, "spec", "scaleTargetRef")) {
		why = "ScaledObject doesn't have correct scaleTargetRef specification"
	}
	for _, trigger := range list(obj.Object, "spec", "triggers") {
		ref := dict(trigger, "authenticationRef")
		authentication := kube.NewResourceKey(key.Group, cmp.Or(str(ref, "kind"), "TriggerAuthentication"), "", str(ref, "name"))
		if authentication.Kind == "TriggerAuthentication" {
			authentication.Namespace = key.Namespace
		}
		if ref != nil && !c.present(authentication) {
			why = authentication.Kind + " " + authentication.Name + " not found"
		}
	}
	obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", why == "", "ScaledObjectReady", why))}
}

// countDisruptions is the disruption controller; with no pods to protect it says so, and that is no fault.
func (c *Cluster) countDisruptions(_ kube.ResourceKey, obj *unstructured.Unstructured) {
	obj.Object["status"] = map[string]any{"conditions": conditions(condition("DisruptionAllowed", false, "InsufficientPods", ""))}
}
