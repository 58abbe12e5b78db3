package simulate

import (
	"context"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// anyKeyAnnotation of a Secret says that it would hold whatever key a pod asks for: it comes whole from a store that is
// not simulated.
const anyKeyAnnotation = prefix + "any-key"

// madeByAnnotation of a Secret is who made it: group/version/kind/name.
const madeByAnnotation = prefix + "made-by"

// made is a Secret as an operator makes it.
type made struct {
	name                string
	kind                corev1.SecretType
	data                map[string][]byte
	labels, annotations map[string]string
	// owned Secrets go when their maker goes.
	owned bool
}

// yield makes a Secret, or makes an old one as it should be.
func (o *operators) yield(ctx context.Context, maker *unstructured.Unstructured, made made) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: maker.GetNamespace(), Name: made.name}}
	_, err := controllerutil.CreateOrUpdate(ctx, o, secret, func() error {
		if secret.ResourceVersion == "" {
			secret.Type = made.kind
		}
		secret.Labels = joined(secret.Labels, made.labels)
		secret.Annotations = joined(secret.Annotations, made.annotations)
		secret.Annotations[madeByAnnotation] = maker.GetAPIVersion() + "/" + maker.GetKind() + "/" + maker.GetName()
		secret.Data = made.data
		if made.owned {
			return controllerutil.SetControllerReference(maker, secret, o.Scheme())
		}
		return nil
	})
	return err
}

func joined(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, each := range all {
		maps.Copy(out, each)
	}
	return out
}

// exists says whether a Secret is there.
func (w *world) exists(ctx context.Context, namespace, name string) (bool, error) {
	err := w.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &corev1.Secret{})
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// makersOf is the custom resource that a Secret was made for, which makes it again when it is gone.
func makersOf(secret *corev1.Secret) []subject {
	parts := strings.Split(secret.Annotations[madeByAnnotation], "/")
	if len(parts) != 4 {
		return nil
	}
	return []subject{{
		kind:           schema.GroupVersionKind{Group: parts[0], Version: parts[1], Kind: parts[2]},
		NamespacedName: types.NamespacedName{Namespace: secret.Namespace, Name: parts[3]},
	}}
}
