package fleet

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// registration is what is kept of a cluster Secret: it has no place for credentials.
type registration struct {
	metav1.ObjectMeta
	cluster Cluster
	// problems are what is wrong with the Secret, each with its name.
	problems []string
}

// register picks from a Secret what is kept of it.
func register(secret *corev1.Secret) *registration {
	values := map[string]string{}
	for _, key := range kept {
		if value, has := secret.Data[key]; has {
			values[key] = string(value)
		}
	}
	cluster, problems := fromSecret(secret.Labels, withoutCopies(secret.Annotations, secret.Data), values)
	out := &registration{ObjectMeta: identity(secret), cluster: cluster}
	for _, p := range problems {
		out.problems = append(out.problems, out.String()+": "+p.message)
	}
	return out
}

// identity is all of an object's metadata that the informer needs.
func identity(object metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: object.GetNamespace(), Name: object.GetName(), ResourceVersion: object.GetResourceVersion()}
}

// withoutCopies leaves out annotations in which a tool has written down the object that it applied: they hold its
// credentials once more.
func withoutCopies(annotations map[string]string, data map[string][]byte) map[string]string {
	out := maps.Clone(annotations)
	maps.DeleteFunc(out, func(name, value string) bool {
		if name == ValuesAnnotation {
			return false
		}
		for key, content := range data {
			if !slices.Contains(kept, key) && len(content) >= tooShort &&
				(strings.Contains(value, string(content)) || strings.Contains(value, base64.StdEncoding.EncodeToString(content))) {
				return true
			}
		}
		return copies[name]
	})
	return out
}

// tooShort is content that may stand in an annotation by chance, and is no credential: {}.
const tooShort = 8

// copies are annotations that hold the whole object, the compressed and escaped ones too.
var copies = map[string]bool{
	corev1.LastAppliedConfigAnnotation: true,
	"kapp.k14s.io/original":            true,
	"objectset.rio.cattle.io/applied":  true,
	"banzaicloud.com/last-applied":     true,
}

func (r *registration) isInCluster() bool {
	return r.cluster.Server == v1alpha1.KubernetesInternalAPIServerAddr
}

// String names the Secret.
func (r *registration) String() string {
	if r.Name == "" {
		return "the cluster that Argo CD itself runs in (switch it off in argocd-cm: cluster.inClusterEnabled)"
	}
	return "cluster Secret " + r.Namespace + "/" + r.Name
}

// GetObjectKind is runtime.Object's.
func (r *registration) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is runtime.Object's: it is never changed.
func (r *registration) DeepCopyObject() runtime.Object { return r }

// setting is what is kept of argocd-cm.
type setting struct {
	metav1.ObjectMeta
	inCluster bool
}

func settingOf(argocd *corev1.ConfigMap) *setting {
	// argo-cd util/settings: whatever is not "false" is true.
	return &setting{ObjectMeta: identity(argocd), inCluster: argocd.Data["cluster.inClusterEnabled"] != "false"}
}

// GetObjectKind is runtime.Object's.
func (s *setting) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is runtime.Object's: it is never changed.
func (s *setting) DeepCopyObject() runtime.Object { return s }
