package simcluster

import (
	"cmp"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
)

// operated says whether the controller of this object is at work. One that the set does not bring always is; one that
// it brings must be ready, and keep the rights it was given.
func (c *Cluster) operated(key kube.ResourceKey) bool {
	workload, brought := c.set.operators[key.Group]
	if !brought || !c.set.watches(workload, key.Namespace) {
		return true
	}
	obj, live := c.live[workload]
	if !live || !c.ready[workload] {
		return false
	}
	pods, _ := podsOf(obj)
	return c.unauthorized(workload, pods) == ""
}

// watches says whether a controller of the set has its rights in the namespace. What it has none for is another's.
func (s set) watches(workload kube.ResourceKey, namespace string) bool {
	pods, _ := podsOf(s.objects[workload])
	bound := false
	for _, at := range s.bindingsOf(workload.Namespace, pods) {
		if at.Kind == "ClusterRoleBinding" || at.Namespace == namespace {
			return true
		}
		bound = true
	}
	return !bound
}

// bindingsOf are the RoleBindings and ClusterRoleBindings of the ServiceAccount that pods in the namespace run as.
func (s set) bindingsOf(namespace string, pods podSet) []kube.ResourceKey {
	account := cmp.Or(serviceAccount(pods.spec), "default")
	var out []kube.ResourceKey
	for _, at := range s.order {
		if at.Group != "rbac.authorization.k8s.io" || !strings.HasSuffix(at.Kind, "RoleBinding") {
			continue
		}
		for _, subject := range list(s.objects[at].Object, "subjects") {
			if str(subject, "kind") == "ServiceAccount" && str(subject, "name") == account && cmp.Or(str(subject, "namespace"), at.Namespace) == namespace {
				out = append(out, at)
			}
		}
	}
	return out
}
