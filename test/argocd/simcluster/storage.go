package simcluster

import (
	"slices"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// bindClaim binds a claim when its volume can be made: as most clusters do, only once a pod uses it
// (WaitForFirstConsumer), unless its StorageClass is in the set and says Immediate.
func (c *Cluster) bindClaim(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if c.bound(key) {
		return
	}
	possible := c.mountedByPod(key)
	if name := str(obj.Object, "spec", "storageClassName"); name != "" {
		class := kube.NewResourceKey("storage.k8s.io", "StorageClass", "", name)
		if live, ok := c.live[class]; ok && str(live.Object, "volumeBindingMode") == "Immediate" {
			possible = true
		}
		possible = possible && c.present(class)
	}
	if volume := str(obj.Object, "spec", "volumeName"); volume != "" {
		possible = c.present(core("PersistentVolume", "", volume))
	}
	if c.holds(key, "volume", possible, 1) {
		obj.Object["status"] = map[string]any{"phase": "Bound"}
	}
}

func (c *Cluster) bound(key kube.ResourceKey) bool {
	obj, ok := c.live[key]
	if !ok {
		return !c.set.brings(key)
	}
	return str(obj.Object, "status", "phase") == "Bound"
}

// mountedByPod says whether a pod exists, running or waiting, that uses the claim.
func (c *Cluster) mountedByPod(claim kube.ResourceKey) bool {
	for _, key := range c.keys() {
		if key.Namespace != claim.Namespace {
			continue
		}
		pods, ok := podsOf(c.live[key])
		if !ok || pods.replicas == 0 || !slices.Contains(claimsOf(pods.spec), claim.Name) {
			continue
		}
		if c.started[key] || c.podsExist(key, pods) {
			return true
		}
	}
	return false
}

func (c *Cluster) podsExist(key kube.ResourceKey, pods podSet) bool {
	if key.Kind == "Rollout" && (!c.operated(key) || c.invalidRollout(key, c.live[key]) != "") {
		return false
	}
	return c.uncreated(key, pods) == ""
}
