package simulate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reference is something that a pod needs before it starts.
type reference struct {
	// kind is ConfigMap, Secret or PersistentVolumeClaim.
	kind, name string
	// keys that must be in it.
	keys []string
	// volume is the one it is mounted as, if any.
	volume string
}

// optional is what Kubernetes means by a flag that is not set.
func optional(flag *bool) bool { return flag != nil && *flag }

// ofContainer lists what the environment of a container needs.
func ofContainer(container *corev1.Container) []reference {
	var out []reference
	for _, from := range container.EnvFrom {
		if ref := from.ConfigMapRef; ref != nil && !optional(ref.Optional) {
			out = append(out, reference{kind: "ConfigMap", name: ref.Name})
		}
		if ref := from.SecretRef; ref != nil && !optional(ref.Optional) {
			out = append(out, reference{kind: "Secret", name: ref.Name})
		}
	}
	for _, env := range container.Env {
		if env.ValueFrom == nil {
			continue
		}
		if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil && !optional(ref.Optional) {
			out = append(out, reference{kind: "ConfigMap", name: ref.Name, keys: []string{ref.Key}})
		}
		if ref := env.ValueFrom.SecretKeyRef; ref != nil && !optional(ref.Optional) {
			out = append(out, reference{kind: "Secret", name: ref.Name, keys: []string{ref.Key}})
		}
	}
	return out
}

// ofVolumes lists what the volumes of a pod need. Secrets for pulling images are not among it: a kubelet tries without.
func ofVolumes(spec *corev1.PodSpec) []reference {
	var out []reference
	for _, volume := range spec.Volumes {
		out = append(out, ofVolume(volume)...)
	}
	return out
}

func ofVolume(volume corev1.Volume) []reference {
	var out []reference
	if source := volume.ConfigMap; source != nil && !optional(source.Optional) {
		out = append(out, reference{"ConfigMap", source.Name, keysOf(source.Items), volume.Name})
	}
	if source := volume.Secret; source != nil && !optional(source.Optional) {
		out = append(out, reference{"Secret", source.SecretName, keysOf(source.Items), volume.Name})
	}
	if source := volume.PersistentVolumeClaim; source != nil {
		out = append(out, reference{kind: "PersistentVolumeClaim", name: source.ClaimName, volume: volume.Name})
	}
	if volume.Projected == nil {
		return out
	}
	for _, source := range volume.Projected.Sources {
		if source := source.ConfigMap; source != nil && !optional(source.Optional) {
			out = append(out, reference{"ConfigMap", source.Name, keysOf(source.Items), volume.Name})
		}
		if source := source.Secret; source != nil && !optional(source.Optional) {
			out = append(out, reference{"Secret", source.Name, keysOf(source.Items), volume.Name})
		}
	}
	return out
}

func keysOf(items []corev1.KeyToPath) []string {
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	return keys
}

// missing says what is wrong with the first reference that does not hold, in a kubelet's words; "" when all hold.
func (w *world) missing(ctx context.Context, namespace string, references []reference) (string, error) {
	for _, ref := range references {
		why, err := w.broken(ctx, namespace, ref)
		if err != nil {
			return "", err
		}
		if why != "" && ref.volume != "" {
			return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %s", ref.volume, why), nil
		}
		if why != "" {
			return why, nil
		}
	}
	return "", nil
}

func (w *world) broken(ctx context.Context, namespace string, ref reference) (string, error) {
	key := client.ObjectKey{Namespace: namespace, Name: ref.name}
	switch ref.kind {
	case "ConfigMap":
		var found corev1.ConfigMap
		why, err := describe(w.Get(ctx, key, &found), "configmap", ref.name)
		return firstMissing(why, ref, namespace, func(key string) bool {
			_, text := found.Data[key]
			_, binary := found.BinaryData[key]
			return text || binary
		}), err
	case "Secret":
		var found corev1.Secret
		why, err := describe(w.Get(ctx, key, &found), "secret", ref.name)
		return firstMissing(why, ref, namespace, func(key string) bool {
			_, ok := found.Data[key]
			return ok || found.Annotations[anyKeyAnnotation] != ""
		}), err
	default:
		var found corev1.PersistentVolumeClaim
		why, err := describe(w.Get(ctx, key, &found), "persistentvolumeclaim", ref.name)
		if why == "" && found.Status.Phase != corev1.ClaimBound {
			why = fmt.Sprintf("persistentvolumeclaim %q is not bound", ref.name)
		}
		return why, err
	}
}

func describe(err error, kind, name string) (string, error) {
	if apierrors.IsNotFound(err) {
		return fmt.Sprintf("%s %q not found", kind, name), nil
	}
	return "", err
}

func firstMissing(why string, ref reference, namespace string, has func(string) bool) string {
	if why != "" {
		return why
	}
	for _, key := range ref.keys {
		if !has(key) {
			return fmt.Sprintf("couldn't find key %s in %s %s/%s", key, ref.kind, namespace, ref.name)
		}
	}
	return ""
}
