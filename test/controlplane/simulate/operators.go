package simulate

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// subject is one object that an operator looks at, or a CustomResourceDefinition that is followed.
type subject struct {
	kind schema.GroupVersionKind
	types.NamespacedName
}

// outcome is what came of looking at a custom resource.
type outcome struct {
	// after is when to look again, whatever happens.
	after time.Duration
	// blocked means that something else must happen first; any change in the cluster is a reason to look again.
	blocked bool
}

// operation is what an operator does with one of its custom resources.
type operation func(context.Context, *operators, *unstructured.Unstructured) (outcome, error)

// operations of the kinds that do more than to become ready.
var operations = map[schema.GroupKind]operation{
	{Group: externalSecretsGroup, Kind: "ExternalSecret"}:     fetchSecret,
	{Group: externalSecretsGroup, Kind: "SecretStore"}:        openStore,
	{Group: externalSecretsGroup, Kind: "ClusterSecretStore"}: openStore,
	{Group: sealedSecretsGroup, Kind: "SealedSecret"}:         unseal,
	{Group: certManagerGroup, Kind: "Certificate"}:            issueCertificate,
	{Group: certManagerGroup, Kind: "Issuer"}:                 registerIssuer,
	{Group: certManagerGroup, Kind: "ClusterIssuer"}:          registerIssuer,
	{Group: kedaGroup, Kind: "ScaledObject"}:                  scaleByEvents,
}

// argoGroup is the one of Argo CD, whose controllers are real.
const argoGroup = "argoproj.io"

var definitionKind = apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition")

// operators are all of a cluster: those that its Deployments are, and those that are installed from elsewhere.
type operators struct {
	*world
	controller controller.TypedController[subject]
	// queue of the controller, once it has started.
	queue workqueue.TypedRateLimitingInterface[subject]
	// followed are the kinds that are watched, by the name of their definition.
	followed map[string]followed

	mu sync.Mutex
	// blocked subjects are looked at whenever something changes.
	blocked map[subject]bool
}

// followed is a custom kind that is watched.
type followed struct {
	kind schema.GroupVersionKind
	// status says whether the kind has it as a subresource.
	status bool
}

func addOperators(w *world) error {
	o := &operators{world: w, followed: map[string]followed{}, blocked: map[subject]bool{}}
	var err error
	o.controller, err = controller.NewTyped("operators", w.manager, controller.TypedOptions[subject]{Reconciler: o})
	if err != nil {
		return err
	}
	for _, watched := range []client.Object{
		&apiextensionsv1.CustomResourceDefinition{}, &appsv1.Deployment{}, &appsv1.StatefulSet{}, &corev1.Secret{}, &corev1.ServiceAccount{},
		&networkingv1.Ingress{},
	} {
		if err := o.watch(watched); err != nil {
			return err
		}
	}
	return o.controller.Watch(source.TypedFunc[subject](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[subject]) error {
		o.queue = queue
		return nil
	}))
}

// watch looks, whenever an object changes, at what it concerns and at all that is blocked.
func (o *operators) watch(kind client.Object) error {
	concerned := handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []subject {
		return append(o.concerns(obj), o.allBlocked()...)
	})
	return o.controller.Watch(source.TypedKind[client.Object](o.manager.GetCache(), kind, concerned, predicate.ResourceVersionChangedPredicate{}))
}

// concerns are the object itself, if it is custom, or those who made it.
func (o *operators) concerns(obj client.Object) []subject {
	switch obj := obj.(type) {
	case *apiextensionsv1.CustomResourceDefinition:
		return []subject{{kind: definitionKind, NamespacedName: client.ObjectKeyFromObject(obj)}}
	case *unstructured.Unstructured:
		return []subject{{kind: obj.GroupVersionKind(), NamespacedName: client.ObjectKeyFromObject(obj)}}
	case *corev1.Secret:
		return makersOf(obj)
	default:
		return nil
	}
}

func (o *operators) allBlocked() []subject {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.blocked))
}

func (o *operators) block(s subject, blocked bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if blocked {
		o.blocked[s] = true
	} else {
		delete(o.blocked, s)
	}
}

func (o *operators) Reconcile(ctx context.Context, s subject) (reconcile.Result, error) {
	if s.kind == definitionKind {
		return o.follow(ctx, s.Name)
	}
	// Blocked while it is looked at: what happens meanwhile is not missed.
	o.block(s, true)
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(s.kind)
	if err := o.Get(ctx, s.NamespacedName, obj); err != nil {
		if absent(err) {
			o.block(s, false)
			err = nil
		}
		return reconcile.Result{}, err
	}
	result, err := o.operate(ctx, obj)
	if err == nil && !result.blocked {
		o.block(s, false)
	}
	return reconcile.Result{RequeueAfter: result.after}, gone(err)
}

// absent says whether an error means that there is no such object, or no such kind.
func absent(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

// gone drops the error of writing to an object that somebody has deleted.
func gone(err error) error {
	if absent(err) {
		return nil
	}
	return err
}

// operate does what the operator of a custom resource does, if it is at work.
func (o *operators) operate(ctx context.Context, obj *unstructured.Unstructured) (outcome, error) {
	operator, atWork, err := o.operatorOf(ctx, obj.GroupVersionKind().GroupKind())
	if err != nil || !atWork {
		return outcome{blocked: true}, err
	}
	if obj.GetDeletionTimestamp() != nil {
		return o.finalize(ctx, obj)
	}
	if err := o.addFinalizer(ctx, obj, operator); err != nil {
		return outcome{}, err
	}
	if operation, ok := operations[obj.GroupVersionKind().GroupKind()]; ok {
		return operation(ctx, o, obj)
	}
	return becomeReady(ctx, o, obj)
}
