package simulate

import (
	"context"
	"encoding/base64"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// InjectAnnotation makes a webhook configuration, an APIService or a CustomResourceDefinition trust the pods behind
	// its Service at once, as if its operator had written the bundle itself. Its value is "true".
	InjectAnnotation = prefix + "inject-ca"
	// Those of cert-manager, which names a Certificate or a Secret as namespace/name.
	injectFromAnnotation       = "cert-manager.io/inject-ca-from"
	injectFromSecretAnnotation = "cert-manager.io/inject-ca-from-secret"
)

// trusting are the kinds that hold the bundle of a server's authority.
var trusting = []schema.GroupVersionKind{
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"},
	{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"},
	definitionKind,
}

func addInjection(w *world) error {
	for _, kind := range trusting {
		i := &injector{world: w, kind: kind}
		all := handler.EnqueueRequestsFromMapFunc(i.annotated)
		if err := ctrl.NewControllerManagedBy(w.manager).Named("inject-"+strings.ToLower(kind.Kind)).
			For(exampleOf(kind), builder.WithPredicates(only(wantsBundle))).
			Watches(&corev1.Secret{}, all).Watches(&appsv1.Deployment{}, all).Complete(i); err != nil {
			return err
		}
	}
	return nil
}

// injector is cert-manager's cainjector for one kind.
type injector struct {
	*world
	kind schema.GroupVersionKind
}

func wantsBundle(obj client.Object) bool {
	annotations := obj.GetAnnotations()
	return annotations[InjectAnnotation] == "true" || annotations[injectFromAnnotation] != "" || annotations[injectFromSecretAnnotation] != ""
}

// annotated are the objects that may be waiting for a certificate.
func (i *injector) annotated(ctx context.Context, _ client.Object) []reconcile.Request {
	var all unstructured.UnstructuredList
	all.SetGroupVersionKind(i.kind)
	if err := i.manager.GetCache().List(ctx, &all); err != nil {
		i.Log.Error(err, "objects that trust webhooks cannot be listed", "kind", i.kind.Kind)
		return nil
	}
	var out []reconcile.Request
	for index := range all.Items {
		if wantsBundle(&all.Items[index]) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[index])})
		}
	}
	return out
}

func (i *injector) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	obj := exampleOf(i.kind)
	if err := i.Get(ctx, request.NamespacedName, obj); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	issued, err := i.issued(ctx, obj)
	if err != nil || !issued {
		return reconcile.Result{}, err
	}
	before := obj.DeepCopy()
	bundle := base64.StdEncoding.EncodeToString(i.authority.bundle)
	for _, config := range clientConfigs(obj) {
		config["caBundle"] = bundle
	}
	if reflect.DeepEqual(before.Object, obj.Object) {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(i.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

// issued says whether the certificate is there that the object wants to trust, and cert-manager to see it.
func (i *injector) issued(ctx context.Context, obj client.Object) (bool, error) {
	annotations := obj.GetAnnotations()
	if annotations[InjectAnnotation] == "true" {
		return true, nil
	}
	if _, atWork, err := i.operatorOf(ctx, schema.GroupKind{Group: certManagerGroup, Kind: "Certificate"}); err != nil || !atWork {
		return false, err
	}
	if from := annotations[injectFromSecretAnnotation]; from != "" {
		namespace, name, _ := strings.Cut(from, "/")
		return i.exists(ctx, namespace, name)
	}
	namespace, name, _ := strings.Cut(annotations[injectFromAnnotation], "/")
	var secrets corev1.SecretList
	if err := i.List(ctx, &secrets, client.InNamespace(namespace)); err != nil {
		return false, err
	}
	for _, secret := range secrets.Items {
		if secret.Annotations[certificateAnnotation] == name {
			return true, nil
		}
	}
	return false, nil
}

// clientConfigs are the parts of an object that say how to reach a server in the cluster.
func clientConfigs(obj *unstructured.Unstructured) []map[string]any {
	var out []map[string]any
	add := func(config any) {
		if config, ok := config.(map[string]any); ok && config["service"] != nil {
			out = append(out, config)
		}
	}
	if webhooks, ok := obj.Object["webhooks"].([]any); ok {
		for _, webhook := range webhooks {
			if webhook, ok := webhook.(map[string]any); ok {
				add(webhook["clientConfig"])
			}
		}
	}
	add(obj.Object["spec"]) // of an APIService
	if config, found, err := unstructured.NestedFieldNoCopy(obj.Object, "spec", "conversion", "webhook", "clientConfig"); found && err == nil {
		add(config)
	}
	return out
}
