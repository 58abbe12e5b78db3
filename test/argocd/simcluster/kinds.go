package simcluster

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kindTable is what the API server knows from the start, as far as a set needs it: group/version, kind, plural, and "cluster" for what has no
// namespace. Custom kinds in it are installed from elsewhere, unless the manifests bring their definition.
const kindTable = `
v1 Namespace namespaces cluster
v1 PersistentVolume persistentvolumes cluster
v1 PersistentVolumeClaim persistentvolumeclaims
v1 ConfigMap configmaps
v1 Secret secrets
v1 Service services
v1 ServiceAccount serviceaccounts
v1 Pod pods
v1 ReplicationController replicationcontrollers
v1 ResourceQuota resourcequotas
v1 LimitRange limitranges
apps/v1 Deployment deployments
apps/v1 StatefulSet statefulsets
apps/v1 DaemonSet daemonsets
apps/v1 ReplicaSet replicasets
batch/v1 Job jobs
batch/v1 CronJob cronjobs
autoscaling/v1 HorizontalPodAutoscaler horizontalpodautoscalers
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers
policy/v1 PodDisruptionBudget poddisruptionbudgets
networking.k8s.io/v1 Ingress ingresses
networking.k8s.io/v1 IngressClass ingressclasses cluster
networking.k8s.io/v1 NetworkPolicy networkpolicies
rbac.authorization.k8s.io/v1 Role roles
rbac.authorization.k8s.io/v1 RoleBinding rolebindings
rbac.authorization.k8s.io/v1 ClusterRole clusterroles cluster
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings cluster
storage.k8s.io/v1 StorageClass storageclasses cluster
scheduling.k8s.io/v1 PriorityClass priorityclasses cluster
node.k8s.io/v1 RuntimeClass runtimeclasses cluster
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions cluster
apiregistration.k8s.io/v1 APIService apiservices cluster
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations cluster
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations cluster
external-secrets.io/v1beta1 ExternalSecret externalsecrets
external-secrets.io/v1beta1 SecretStore secretstores
external-secrets.io/v1beta1 ClusterSecretStore clustersecretstores cluster
external-secrets.io/v1 ExternalSecret externalsecrets
external-secrets.io/v1 SecretStore secretstores
external-secrets.io/v1 ClusterSecretStore clustersecretstores cluster
bitnami.com/v1alpha1 SealedSecret sealedsecrets
cert-manager.io/v1 Certificate certificates
cert-manager.io/v1 Issuer issuers
cert-manager.io/v1 ClusterIssuer clusterissuers cluster
argoproj.io/v1alpha1 Rollout rollouts
argoproj.io/v1alpha1 AnalysisTemplate analysistemplates
argoproj.io/v1alpha1 ClusterAnalysisTemplate clusteranalysistemplates cluster
argoproj.io/v1alpha1 AppProject appprojects
argoproj.io/v1alpha1 Application applications
keda.sh/v1alpha1 ScaledObject scaledobjects
keda.sh/v1alpha1 TriggerAuthentication triggerauthentications
keda.sh/v1alpha1 ClusterTriggerAuthentication clustertriggerauthentications cluster
autoscaling.k8s.io/v1 VerticalPodAutoscaler verticalpodautoscalers
gateway.networking.k8s.io/v1 GatewayClass gatewayclasses cluster
gateway.networking.k8s.io/v1 Gateway gateways
gateway.networking.k8s.io/v1 HTTPRoute httproutes
networking.istio.io/v1 VirtualService virtualservices
serving.knative.dev/v1 Service services
`

var (
	podKind = schema.GroupKind{Kind: "Pod"}
	crdKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
)

// apiKind is one kind that can be served.
type apiKind struct {
	gvk        schema.GroupVersionKind
	plural     string
	namespaced bool
	// definition is the name of the CustomResourceDefinition of the set that must be there first, if any.
	definition string
}

type kindSet []apiKind

func newKinds(more []string, objects []*unstructured.Unstructured) kindSet {
	var kinds kindSet
	brought := map[schema.GroupKind]bool{}
	used := map[schema.GroupKind]bool{podKind: true}
	for _, obj := range objects {
		used[obj.GroupVersionKind().GroupKind()] = true
		if obj.GroupVersionKind().GroupKind() == crdKind {
			for _, kind := range defines(obj) {
				kinds = append(kinds, kind)
				brought[kind.gvk.GroupKind()] = true
			}
		}
	}
	for _, line := range append(strings.Split(strings.TrimSpace(kindTable), "\n"), more...) {
		fields := strings.Fields(line)
		gvk := schema.FromAPIVersionAndKind(fields[0], fields[1])
		if used[gvk.GroupKind()] && !brought[gvk.GroupKind()] {
			kinds = append(kinds, apiKind{gvk: gvk, plural: fields[2], namespaced: len(fields) < 4})
		}
	}
	return kinds
}

// defines reads the kinds, one per served version, out of a CustomResourceDefinition.
func defines(crd *unstructured.Unstructured) []apiKind {
	var kinds []apiKind
	for _, version := range list(crd.Object, "spec", "versions") {
		kinds = append(kinds, apiKind{
			gvk: schema.GroupVersionKind{
				Group:   str(crd.Object, "spec", "group"),
				Version: str(version, "name"),
				Kind:    str(crd.Object, "spec", "names", "kind"),
			},
			plural:     str(crd.Object, "spec", "names", "plural"),
			namespaced: str(crd.Object, "spec", "scope") != "Cluster",
			definition: crd.GetName(),
		})
	}
	return kinds
}

func (k kindSet) find(gk schema.GroupKind) (apiKind, bool) {
	for _, kind := range k {
		if kind.gvk.GroupKind() == gk {
			return kind, true
		}
	}
	return apiKind{}, false
}

// served says whether the kind can be used now.
func (c *Cluster) served(kind apiKind) bool {
	return kind.definition == "" || c.has(resource(crdKind, "", kind.definition))
}

// IsNamespaced answers Argo CD's reconciliation, which asks for the scope of a kind.
func (c *Cluster) IsNamespaced(gk schema.GroupKind) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind, ok := c.kinds.find(gk)
	if !ok || !c.served(kind) {
		return false, fmt.Errorf("the server has no kind %s", gk)
	}
	return kind.namespaced, nil
}

var verbs = metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

// resourceList is the discovery document of one group version, or false where none of its kinds is served.
func (c *Cluster) resourceList(gv schema.GroupVersion) (*metav1.APIResourceList, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
		GroupVersion: gv.String(),
	}
	for _, kind := range c.kinds {
		if kind.gvk.GroupVersion() == gv && c.served(kind) {
			out.APIResources = append(out.APIResources, metav1.APIResource{
				Name: kind.plural, Kind: kind.gvk.Kind, Group: gv.Group, Version: gv.Version, Namespaced: kind.namespaced, Verbs: verbs,
			})
		}
	}
	return out, len(out.APIResources) > 0
}
