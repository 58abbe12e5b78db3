package simulate

import (
	"cmp"
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const sealedSecretsGroup = "bitnami.com"

// sealedSecret is what the sealed-secrets controller reads of a SealedSecret's spec.
type sealedSecret struct {
	EncryptedData map[string]any `json:"encryptedData"`
	Template      secretTemplate `json:"template"`
}

// unseal is the sealed-secrets controller, which writes no status before it has seen the object.
func unseal(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	var spec sealedSecret
	if err := decode(obj, &spec, "spec"); err != nil {
		return outcome{}, err
	}
	if left := o.delays.left(obj.GetUID(), step("unseal", obj), o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	data := values(spec.EncryptedData)
	for key := range spec.Template.Data {
		data[key] = simulatedValue
	}
	if err := o.yield(ctx, obj, made{
		name: obj.GetName(), kind: cmp.Or(spec.Template.Type, corev1.SecretTypeOpaque), data: data,
		labels: spec.Template.Metadata.Labels, annotations: spec.Template.Metadata.Annotations, owned: true,
	}); err != nil {
		return outcome{}, err
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Synced", true, "Unsealed", "the Secret was unsealed"})
}
