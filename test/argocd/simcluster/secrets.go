package simcluster

import (
	"cmp"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// openSecretStore is the External Secrets Operator looking at a store: without its credentials the store is not Ready.
func (c *Cluster) openSecretStore(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) {
		return
	}
	missing := c.missingCredential(key, dict(obj.Object, "spec", "provider"))
	if missing != "" {
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", false, "InvalidProviderConfig", missing))}
		return
	}
	if c.holds(key, "store", true, 1) {
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", true, "Valid", "store validated"))}
	}
}

// missingCredential walks the provider's settings for references to Secrets and ServiceAccounts.
func (c *Cluster) missingCredential(key kube.ResourceKey, settings map[string]any) string {
	for field, value := range settings {
		inner, ok := value.(map[string]any)
		if !ok {
			continue
		}
		namespace := cmp.Or(key.Namespace, str(inner, "namespace"), c.namespace)
		name := str(inner, "name")
		switch {
		case name == "":
		case field == "serviceAccountRef" && !c.present(core("ServiceAccount", namespace, name)):
			return "ServiceAccount " + name + " not found"
		case (str(inner, "key") != "") && !c.present(core("Secret", namespace, name)):
			return "Secret " + name + " not found"
		}
		if missing := c.missingCredential(key, inner); missing != "" {
			return missing
		}
	}
	return ""
}

// fetchSecret is the External Secrets Operator: it reports an error at once where the store is missing or not ready.
func (c *Cluster) fetchSecret(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) {
		return
	}
	store := kube.NewResourceKey(key.Group, cmp.Or(str(obj.Object, "spec", "secretStoreRef", "kind"), "SecretStore"), "", str(obj.Object, "spec", "secretStoreRef", "name"))
	if store.Kind == "SecretStore" {
		store.Namespace = key.Namespace
	}
	if !c.conditionHolds(store, "Ready") {
		message := "could not get " + store.Kind + " " + store.Name
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", false, "SecretSyncedError", message))}
		return
	}
	if c.holds(key, "secret", true, 3) {
		c.make("v1", "Secret", key.Namespace, secretMadeBy(obj))
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", true, "SecretSynced", "Secret was synced"))}
	}
}

// unsealSecret is the sealed-secrets controller, which writes no status before it has seen the object.
func (c *Cluster) unsealSecret(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) {
		return
	}
	if c.holds(key, "secret", true, 3) {
		c.make("v1", "Secret", key.Namespace, secretMadeBy(obj))
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Synced", true, "", ""))}
	}
}
