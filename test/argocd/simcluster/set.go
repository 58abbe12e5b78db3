package simcluster

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// set is what the manifests bring in all. It tells a reference to something that is still to come from one to
// something that has always been there.
type set struct {
	objects map[kube.ResourceKey]*unstructured.Unstructured
	order   []kube.ResourceKey
	// secrets are made by an ExternalSecret, a SealedSecret or a Certificate of the set.
	secrets map[kube.ResourceKey]bool
	// operators are the workloads that look after custom resources, by API group.
	operators map[string]kube.ResourceKey
}

// operatorImages says which program looks after which API group. Only the image tells a controller from any other pod.
var operatorImages = map[string]string{
	"ghcr.io/external-secrets/external-secrets":   "external-secrets.io",
	"docker.io/bitnami/sealed-secrets-controller": "bitnami.com",
	"quay.io/jetstack/cert-manager-controller":    "cert-manager.io",
	"quay.io/argoproj/argo-rollouts":              "argoproj.io",
	"ghcr.io/kedacore/keda":                       "keda.sh",
	"ghcr.io/example/widget-operator":             "example.com",
	"ghcr.io/example/gateway-controller":          "gateway.networking.k8s.io",
}

func newSet(kinds kindSet, namespace string, objects []*unstructured.Unstructured) set {
	s := set{
		objects:   map[kube.ResourceKey]*unstructured.Unstructured{},
		secrets:   map[kube.ResourceKey]bool{},
		operators: map[string]kube.ResourceKey{},
	}
	for _, obj := range objects {
		key := keyOf(kinds, namespace, obj)
		s.objects[key] = obj
		if secret := secretMadeBy(obj); secret != "" {
			s.secrets[core("Secret", key.Namespace, secret)] = true
		}
		if pods, ok := podsOf(obj); ok {
			for _, container := range list(pods.spec, "containers") {
				image, _, _ := strings.Cut(str(container, "image"), ":")
				if group, ok := operatorImages[image]; ok {
					s.operators[group] = key
				}
			}
		}
	}
	s.order = slices.SortedFunc(maps.Keys(s.objects), byKey)
	return s
}

// brings says whether the object, or what makes it, is in the set.
func (s set) brings(key kube.ResourceKey) bool {
	_, ok := s.objects[key]
	return ok || s.secrets[key]
}

// keyOf is where the object ends up: a namespaced one without a namespace in the destination's.
func keyOf(kinds kindSet, namespace string, obj *unstructured.Unstructured) kube.ResourceKey {
	gvk := obj.GroupVersionKind()
	key := resource(gvk.GroupKind(), "", obj.GetName())
	if kind, ok := kinds.find(gvk.GroupKind()); !ok || kind.namespaced {
		key.Namespace = cmp.Or(obj.GetNamespace(), namespace)
	}
	return key
}

// secretMadeBy names the Secret that the operator behind this object will create.
func secretMadeBy(obj *unstructured.Unstructured) string {
	switch obj.GroupVersionKind().Group + "/" + obj.GetKind() {
	case "external-secrets.io/ExternalSecret":
		return cmp.Or(str(obj.Object, "spec", "target", "name"), obj.GetName())
	case "bitnami.com/SealedSecret":
		return obj.GetName()
	case "cert-manager.io/Certificate":
		return str(obj.Object, "spec", "secretName")
	}
	return ""
}
