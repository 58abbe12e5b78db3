package simulate

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// AddressAnnotation of an Ingress or a Service says how long it takes to get its address, as "30s", or Never where it is to
// get none.
const (
	AddressAnnotation = prefix + "address"
	Never             = "never"
)

// address is everybody's, one of those that are reserved for documentation.
const address = "192.0.2.1"

func addAddresses(w *world) error {
	if err := ctrl.NewControllerManagedBy(w.manager).Named("load-balancers").For(&corev1.Service{}).Complete(&loadBalancers{w}); err != nil {
		return err
	}
	i := &ingresses{w}
	return ctrl.NewControllerManagedBy(w.manager).Named("ingresses").For(&networkingv1.Ingress{}).
		Watches(&networkingv1.IngressClass{}, handler.EnqueueRequestsFromMapFunc(i.all)).Complete(i)
}

// addressDelay is how long an object that has no address yet is to wait for one.
func (w *world) addressDelay(obj client.Object) (delay time.Duration, ever bool, err error) {
	asked := obj.GetAnnotations()[AddressAnnotation]
	switch asked {
	case "":
		return w.Delay, true, nil
	case Never:
		return 0, false, nil
	}
	if delay, err = time.ParseDuration(asked); err != nil {
		err = fmt.Errorf("%T %s/%s: annotation %s is neither a time nor %q: %w", obj, obj.GetNamespace(), obj.GetName(), AddressAnnotation, Never, err)
	}
	return delay, true, err
}

// loadBalancers is the part of a cloud that gives addresses to Services.
type loadBalancers struct{ *world }

func (l *loadBalancers) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var service corev1.Service
	if err := l.Get(ctx, request.NamespacedName, &service); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer || len(service.Status.LoadBalancer.Ingress) > 0 {
		return reconcile.Result{}, nil
	}
	delay, ever, err := l.addressDelay(&service)
	if err != nil || !ever {
		return reconcile.Result{}, err
	}
	if left := l.delays.left(service.UID, "address", delay); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	l.delays.forget(service.UID)
	before := service.DeepCopy()
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	return reconcile.Result{}, client.IgnoreNotFound(l.Status().Patch(ctx, &service, client.MergeFrom(before)))
}

// ingresses is an ingress controller, which serves every class that exists.
type ingresses struct{ *world }

func (i *ingresses) all(ctx context.Context, _ client.Object) []reconcile.Request {
	var all networkingv1.IngressList
	if err := i.List(ctx, &all); err != nil {
		i.Log.Error(err, "ingresses cannot be listed")
		return nil
	}
	var out []reconcile.Request
	for index := range all.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[index])})
	}
	return out
}

func (i *ingresses) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var ingress networkingv1.Ingress
	if err := i.Get(ctx, request.NamespacedName, &ingress); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if len(ingress.Status.LoadBalancer.Ingress) > 0 {
		return reconcile.Result{}, nil
	}
	delay, ever, err := i.addressDelay(&ingress)
	if err != nil || !ever {
		return reconcile.Result{}, err
	}
	if class := ingress.Spec.IngressClassName; class != nil {
		if err := i.Get(ctx, client.ObjectKey{Name: *class}, &networkingv1.IngressClass{}); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
	}
	if left := i.delays.left(ingress.UID, "address", delay); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	i.delays.forget(ingress.UID)
	before := ingress.DeepCopy()
	ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: address}}
	return reconcile.Result{}, client.IgnoreNotFound(i.Status().Patch(ctx, &ingress, client.MergeFrom(before)))
}
