// Package argocd repeats, as data, what Argo CD does with a set of objects that its order depends on: which kinds it
// applies first, which it waits for, what it takes for a hook and for a wave.
//
// It only looks at objects; it orders nothing itself. Argo CD's own code would cost the sidecar 60 MiB;
// test/argocd compares the two.
package argocd

// kindOrder is that of gitops-engine, pkg/sync/sync_tasks.go. Kinds that are not in it come last.
var kindOrder = []string{
	"Namespace",
	"NetworkPolicy",
	"ResourceQuota",
	"LimitRange",
	"PodSecurityPolicy",
	"PodDisruptionBudget",
	"ServiceAccount",
	"Secret",
	"SecretList",
	"ConfigMap",
	"StorageClass",
	"PersistentVolume",
	"PersistentVolumeClaim",
	"CustomResourceDefinition",
	"ClusterRole",
	"ClusterRoleList",
	"ClusterRoleBinding",
	"ClusterRoleBindingList",
	"Role",
	"RoleList",
	"RoleBinding",
	"RoleBindingList",
	"Service",
	"DaemonSet",
	"Pod",
	"ReplicationController",
	"ReplicaSet",
	"Deployment",
	"HorizontalPodAutoscaler",
	"StatefulSet",
	"Job",
	"CronJob",
	"IngressClass",
	"Ingress",
	"APIService",
}

var kindIndex = func() map[string]int {
	index := make(map[string]int, len(kindOrder))
	for i, kind := range kindOrder {
		index[kind] = i - len(kindOrder)
	}
	return index
}()

// KindOrder is the place of a kind inside a wave: negative and ascending, 0 for a kind that Argo CD does not know. It
// looks at the kind alone, so a Knative Service has the place of a core one.
func KindOrder(kind string) int { return kindIndex[kind] }

// AppliedBefore says whether, inside one wave, Argo CD has applied the first object when it applies the second: by
// kind, then by name, but objects that follow each other and have one kind are applied at the same time.
func AppliedBefore(kind, name, laterKind, laterName string) bool {
	if d := kindIndex[kind] - kindIndex[laterKind]; d != 0 {
		return d < 0
	}
	return kind != laterKind && name < laterName
}
