package simulate

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const externalSecretsGroup = "external-secrets.io"

// externalSecret is what the External Secrets Operator reads of an ExternalSecret's spec.
type externalSecret struct {
	SecretStoreRef struct{ Name, Kind string } `json:"secretStoreRef"`
	Target         struct {
		Name           string          `json:"name"`
		CreationPolicy string          `json:"creationPolicy"`
		Template       *secretTemplate `json:"template"`
	} `json:"target"`
	Data []struct {
		SecretKey string `json:"secretKey"`
	} `json:"data"`
	DataFrom []map[string]any `json:"dataFrom"`
}

// secretTemplate is that of ExternalSecrets and of SealedSecrets.
type secretTemplate struct {
	Type     corev1.SecretType `json:"type"`
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// simulatedValue is what every key of a Secret holds.
var simulatedValue = []byte("simulated")

// fetchSecret is the External Secrets Operator, which reports an error at once where the store is missing or not ready.
func fetchSecret(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	var spec externalSecret
	if err := decode(obj, &spec, "spec"); err != nil {
		return outcome{}, err
	}
	kind := cmp.Or(spec.SecretStoreRef.Kind, "SecretStore")
	store := client.ObjectKey{Name: spec.SecretStoreRef.Name}
	if kind == "SecretStore" {
		store.Namespace = obj.GetNamespace()
	}
	open, err := o.ready(ctx, kind, externalSecretsGroup, obj.GroupVersionKind().Version, store)
	if err != nil {
		return outcome{}, err
	}
	if !open {
		o.delays.again(obj.GetUID(), step("fetch", obj))
		message := fmt.Sprintf("could not get secret data from provider: %s %q is not there or not ready", kind, store.Name)
		return outcome{blocked: true}, o.setStatus(ctx, obj, condition{"Ready", false, "SecretSyncedError", message})
	}
	if left := o.delays.left(obj.GetUID(), step("fetch", obj), o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	if spec.Target.CreationPolicy != "None" {
		if err := o.yield(ctx, obj, spec.secret(obj)); err != nil {
			return outcome{}, err
		}
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Ready", true, "SecretSynced", "Secret was synced"})
}

// secret is what comes of an ExternalSecret. Without a template it inherits labels and annotations, as it really does.
func (e *externalSecret) secret(obj *unstructured.Unstructured) made {
	out := made{
		name: cmp.Or(e.Target.Name, obj.GetName()), kind: corev1.SecretTypeOpaque, data: map[string][]byte{},
		labels: obj.GetLabels(), annotations: joined(obj.GetAnnotations()),
		owned: cmp.Or(e.Target.CreationPolicy, "Owner") == "Owner",
	}
	for _, data := range e.Data {
		out.data[data.SecretKey] = simulatedValue
	}
	if template := e.Target.Template; template != nil {
		out.kind = cmp.Or(template.Type, out.kind)
		out.labels, out.annotations = template.Metadata.Labels, joined(template.Metadata.Annotations)
		if len(template.Data) > 0 {
			out.data = values(template.Data)
		}
	}
	if len(e.DataFrom) > 0 {
		out.annotations[anyKeyAnnotation] = "true"
	}
	delete(out.annotations, corev1.LastAppliedConfigAnnotation)
	return out
}

func values[V any](keys map[string]V) map[string][]byte {
	out := map[string][]byte{}
	for key := range keys {
		out[key] = simulatedValue
	}
	return out
}

// openStore is the same operator looking at a store: without its credentials it is not Ready.
func openStore(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	provider, _, err := unstructured.NestedMap(obj.Object, "spec", "provider")
	if err != nil {
		return outcome{}, err
	}
	missing, err := o.missingCredential(ctx, obj.GetNamespace(), provider)
	if err != nil {
		return outcome{}, err
	}
	if missing != "" {
		return outcome{blocked: true}, o.setStatus(ctx, obj, condition{"Ready", false, "InvalidProviderConfig", missing})
	}
	if left := o.delays.left(obj.GetUID(), step("open", obj), o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Ready", true, "Valid", "store validated"})
}

// missingCredential walks the settings of a provider for references to Secrets (name and key) and ServiceAccounts.
func (o *operators) missingCredential(ctx context.Context, namespace string, settings map[string]any) (string, error) {
	for field, value := range settings {
		inner, ok := value.(map[string]any)
		if !ok {
			continue
		}
		key := client.ObjectKey{Namespace: cmp.Or(namespace, text(inner, "namespace")), Name: text(inner, "name")}
		missing, err := o.missingReference(ctx, field, key, text(inner, "key") != "")
		if missing == "" && err == nil {
			missing, err = o.missingCredential(ctx, namespace, inner)
		}
		if missing != "" || err != nil {
			return missing, err
		}
	}
	return "", nil
}

func (o *operators) missingReference(ctx context.Context, field string, key client.ObjectKey, hasKey bool) (string, error) {
	switch {
	case key.Name == "":
		return "", nil
	case field == "serviceAccountRef":
		return describe(o.Get(ctx, key, &corev1.ServiceAccount{}), "serviceaccount", key.Name)
	case hasKey:
		return describe(o.Get(ctx, key, &corev1.Secret{}), "secret", key.Name)
	default:
		return "", nil
	}
}
