package simcluster

import (
	"fmt"
	"slices"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	apierr "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

var webhookKinds = []schema.GroupKind{
	{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"},
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"},
}

// Apply creates or changes an object as the API server would: it refuses unknown kinds, missing namespaces, and what
// an admission webhook must see that does not answer.
func (c *Cluster) Apply(target *unstructured.Unstructured) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	obj := target.DeepCopy()
	gvk := obj.GroupVersionKind()
	kind, ok := c.kinds.find(gvk.GroupKind())
	if !ok || !c.served(kind) {
		return fmt.Errorf("no matches for kind %q in version %q", gvk.Kind, gvk.GroupVersion())
	}
	key := keyOf(c.kinds, c.namespace, obj)
	obj.SetNamespace(key.Namespace)
	if key.Namespace != "" && !c.present(core("Namespace", "", key.Namespace)) {
		return apierr.NewNotFound(schema.GroupResource{Resource: "namespaces"}, key.Namespace)
	}
	if !slices.Contains(webhookKinds, gvk.GroupKind()) {
		if err := c.admit(kind, key.Namespace, obj.GetLabels()); err != nil {
			return err
		}
	}
	if live, exists := c.live[key]; exists {
		obj.SetUID(live.GetUID())
		obj.SetGeneration(live.GetGeneration())
		if status, ok := live.Object["status"]; ok {
			obj.Object["status"] = status
		}
	} else {
		obj.SetUID(types.UID(key.String()))
		obj.SetGeneration(1)
		setFirstStatus(obj)
		c.log = append(c.log, key)
	}
	setDefaults(obj)
	c.watchDependencies(key, obj)
	c.live[key] = obj
	c.applied[key] = true
	c.moves++
	return nil
}

// setDefaults fills in what the API server does and health checks look at.
func setDefaults(obj *unstructured.Unstructured) {
	switch obj.GroupVersionKind().GroupKind() {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		if at(obj.Object, "spec", "replicas") == nil {
			_ = unstructured.SetNestedField(obj.Object, int64(1), "spec", "replicas")
		}
	case schema.GroupKind{Kind: "Pod"}:
		if str(obj.Object, "spec", "restartPolicy") == "" {
			_ = unstructured.SetNestedField(obj.Object, "Always", "spec", "restartPolicy")
		}
	}
}

// setFirstStatus is the status that a new object has before any controller saw it.
func setFirstStatus(obj *unstructured.Unstructured) {
	delete(obj.Object, "status")
	switch obj.GroupVersionKind().GroupKind() {
	case schema.GroupKind{Kind: "PersistentVolumeClaim"}, schema.GroupKind{Kind: "Pod"}:
		obj.Object["status"] = map[string]any{"phase": "Pending"}
	case crdKind:
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Established", true, "InitialNamesAccepted", ""))}
	}
}

// admit asks the webhooks that match; one that must answer and cannot refuses the request.
func (c *Cluster) admit(kind apiKind, namespace string, labels map[string]string) error {
	for _, key := range c.keys() {
		if !slices.Contains(webhookKinds, key.GroupKind()) {
			continue
		}
		config := c.live[key]
		for _, webhook := range list(config.Object, "webhooks") {
			if str(webhook, "failurePolicy") == "Ignore" || !c.concerns(webhook, kind, namespace, labels) {
				continue
			}
			if why := c.unanswered(config, webhook); why != "" {
				return apierr.NewInternalError(fmt.Errorf("failed calling webhook %q: %s", str(webhook, "name"), why))
			}
		}
	}
	return nil
}

func (c *Cluster) concerns(webhook any, kind apiKind, namespace string, labels map[string]string) bool {
	if selector := dict(webhook, "objectSelector"); selector != nil && !selects(selector, labels) {
		return false
	}
	if selector := dict(webhook, "namespaceSelector"); selector != nil && kind.namespaced && !selects(selector, c.namespaceLabels(namespace)) {
		return false
	}
	oneOf := func(rule any, field, value string) bool {
		given := words(list(rule, field))
		return slices.Contains(given, "*") || slices.Contains(given, value)
	}
	for _, rule := range list(webhook, "rules") {
		scope := str(rule, "scope")
		if scope == "Namespaced" && !kind.namespaced || scope == "Cluster" && kind.namespaced {
			continue
		}
		if oneOf(rule, "apiGroups", kind.gvk.Group) && oneOf(rule, "apiVersions", kind.gvk.Version) &&
			oneOf(rule, "resources", kind.plural) && oneOf(rule, "operations", "CREATE") {
			return true
		}
	}
	return false
}

func (c *Cluster) namespaceLabels(name string) map[string]string {
	labels := map[string]string{"kubernetes.io/metadata.name": name}
	if namespace, ok := c.live[core("Namespace", "", name)]; ok {
		for key, value := range namespace.GetLabels() {
			labels[key] = value
		}
	}
	return labels
}

// unanswered says why a webhook cannot be called, or "".
func (c *Cluster) unanswered(config *unstructured.Unstructured, webhook any) string {
	if from := config.GetAnnotations()["cert-manager.io/inject-ca-from"]; from != "" {
		namespace, name := splitName(from)
		certificate := kube.NewResourceKey("cert-manager.io", "Certificate", namespace, name)
		if !c.conditionHolds(certificate, "Ready") {
			return "x509: certificate signed by unknown authority"
		}
	}
	service := dict(webhook, "clientConfig", "service")
	if service == nil {
		return ""
	}
	return c.unserved(str(service, "namespace"), str(service, "name"))
}

// unserved says why a Service has nobody behind it, or "".
func (c *Cluster) unserved(namespace, name string) string {
	key := core("Service", namespace, name)
	if !c.set.brings(key) {
		return ""
	}
	if !c.has(key) {
		return fmt.Sprintf("service %q not found", name)
	}
	selector := stringMap(dict(c.live[key].Object, "spec", "selector"))
	behind := 0
	for _, workload := range c.set.order {
		pods, ok := podsOf(c.set.objects[workload])
		if !ok || workload.Namespace != namespace || !subset(selector, pods.labels) {
			continue
		}
		behind++
		if c.ready[workload] {
			return ""
		}
	}
	if behind == 0 {
		return ""
	}
	return fmt.Sprintf("no endpoints available for service %q", name)
}

// conditionHolds says whether an object of the set has the condition; one from elsewhere is taken to have it.
func (c *Cluster) conditionHolds(key kube.ResourceKey, kind string) bool {
	if !c.set.brings(key) {
		return true
	}
	obj, ok := c.live[key]
	if !ok {
		return false
	}
	for _, condition := range list(obj.Object, "status", "conditions") {
		if str(condition, "type") == kind {
			return str(condition, "status") == "True"
		}
	}
	return false
}
