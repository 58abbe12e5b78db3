package simulate

import (
	"cmp"
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const kedaGroup = "keda.sh"

// scaledObject is what KEDA reads of a ScaledObject's spec.
type scaledObject struct {
	ScaleTargetRef struct{ Name, Kind, APIVersion string } `json:"scaleTargetRef"`
	Triggers       []struct {
		AuthenticationRef struct{ Name, Kind string } `json:"authenticationRef"`
	} `json:"triggers"`
}

// triggerAuthentication is what it reads of a TriggerAuthentication's.
type triggerAuthentication struct {
	SecretTargetRef []struct{ Name string } `json:"secretTargetRef"`
}

// scaleByEvents is KEDA, which reports an error at once where the target or the credentials are missing. The autoscaler
// that it would make is left out: there are no events.
func scaleByEvents(ctx context.Context, o *operators, obj *unstructured.Unstructured) (outcome, error) {
	var spec scaledObject
	if err := decode(obj, &spec, "spec"); err != nil {
		return outcome{}, err
	}
	missing, err := o.missingForScaling(ctx, obj, spec)
	if err != nil {
		return outcome{}, err
	}
	if missing != "" {
		return outcome{blocked: true}, o.setStatus(ctx, obj, condition{"Ready", false, "ScaledObjectCheckFailed", missing})
	}
	if left := o.delays.left(obj.GetUID(), step("scale", obj), o.Delay); left > 0 {
		return outcome{after: left}, nil
	}
	return outcome{}, o.setStatus(ctx, obj, condition{"Ready", true, "ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling"})
}

func (o *operators) missingForScaling(ctx context.Context, obj *unstructured.Unstructured, spec scaledObject) (string, error) {
	target := &unstructured.Unstructured{}
	target.SetAPIVersion(cmp.Or(spec.ScaleTargetRef.APIVersion, "apps/v1"))
	target.SetKind(cmp.Or(spec.ScaleTargetRef.Kind, "Deployment"))
	missing, err := o.missingObject(ctx, target, client.ObjectKey{Namespace: obj.GetNamespace(), Name: spec.ScaleTargetRef.Name})
	if missing != "" || err != nil {
		return missing, err
	}
	for _, trigger := range spec.Triggers {
		ref := trigger.AuthenticationRef
		if ref.Name == "" || cmp.Or(ref.Kind, "TriggerAuthentication") != "TriggerAuthentication" {
			continue
		}
		if missing, err := o.missingCredentials(ctx, obj, ref.Name); missing != "" || err != nil {
			return missing, err
		}
	}
	return "", nil
}

func (o *operators) missingCredentials(ctx context.Context, obj *unstructured.Unstructured, name string) (string, error) {
	authentication := &unstructured.Unstructured{}
	authentication.SetAPIVersion(obj.GetAPIVersion())
	authentication.SetKind("TriggerAuthentication")
	missing, err := o.missingObject(ctx, authentication, client.ObjectKey{Namespace: obj.GetNamespace(), Name: name})
	if missing != "" || err != nil {
		return missing, err
	}
	var spec triggerAuthentication
	if err := decode(authentication, &spec, "spec"); err != nil {
		return "", err
	}
	for _, ref := range spec.SecretTargetRef {
		if found, err := o.exists(ctx, obj.GetNamespace(), ref.Name); err != nil || !found {
			return fmt.Sprintf("secret %q not found", ref.Name), err
		}
	}
	return "", nil
}

// missingObject says so if an object does not exist; its kind tells where to look.
func (o *operators) missingObject(ctx context.Context, obj *unstructured.Unstructured, key client.ObjectKey) (string, error) {
	err := o.Get(ctx, key, obj)
	if absent(err) {
		return fmt.Sprintf("%s %q not found", obj.GetKind(), key.Name), nil
	}
	return "", err
}
