package simulate

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// Provisioner is the one that a StorageClass names to get volumes from this package.
	Provisioner = "volumes.simulate.tidegate.dev"
	// StorageClass is the cluster's default class. Its claims wait for their first consumer.
	StorageClass = "simulated"
	// ImmediateStorageClass binds claims as soon as they are there.
	ImmediateStorageClass = "simulated-immediate"
)

const (
	defaultClassAnnotation  = "storageclass.kubernetes.io/is-default-class"
	provisionerAnnotation   = "volume.kubernetes.io/storage-provisioner" // set by the volume controller on claims it leaves to others
	selectedNodeAnnotation  = "volume.kubernetes.io/selected-node"       // set by the scheduler
	provisionedByAnnotation = "pv.kubernetes.io/provisioned-by"
)

// storageObjects are what an administrator installs with a provisioner.
func storageObjects() []client.Object {
	first, immediately, reclaim, attach := storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate, corev1.PersistentVolumeReclaimDelete, false
	return []client.Object{
		&storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: StorageClass, Annotations: map[string]string{defaultClassAnnotation: "true"}},
			Provisioner: Provisioner, VolumeBindingMode: &first, ReclaimPolicy: &reclaim,
		},
		&storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: ImmediateStorageClass},
			Provisioner: Provisioner, VolumeBindingMode: &immediately, ReclaimPolicy: &reclaim,
		},
		&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: Provisioner}, Spec: storagev1.CSIDriverSpec{AttachRequired: &attach}},
	}
}

func addStorage(w *world) error {
	ofClaim := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, volume client.Object) []reconcile.Request {
		claim := volume.(*corev1.PersistentVolume).Spec.ClaimRef
		if claim == nil {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: claim.Namespace, Name: claim.Name}}}
	})
	if err := ctrl.NewControllerManagedBy(w.manager).Named("provisioner").
		For(&corev1.PersistentVolumeClaim{}).Watches(&corev1.PersistentVolume{}, ofClaim).Complete(&provisioner{w}); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(w.manager).Named("deleter").For(&corev1.PersistentVolume{}).Complete(&deleter{w})
}

// provisioner makes the volume that a claim asks for. The cluster's own volume controller binds the two.
type provisioner struct{ *world }

func (p *provisioner) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var claim corev1.PersistentVolumeClaim
	if err := p.Get(ctx, request.NamespacedName, &claim); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if claim.DeletionTimestamp != nil || claim.Spec.VolumeName != "" || claim.Annotations[provisionerAnnotation] != Provisioner {
		return reconcile.Result{}, nil
	}
	var class storagev1.StorageClass
	if err := p.Get(ctx, client.ObjectKey{Name: *claim.Spec.StorageClassName}, &class); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	if waits && claim.Annotations[selectedNodeAnnotation] == "" {
		return reconcile.Result{}, nil
	}
	if left := p.delays.left(claim.UID, "provision", p.Delay); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	p.delays.forget(claim.UID)
	if err := p.Create(ctx, volumeFor(&claim, &class)); !apierrors.IsAlreadyExists(err) {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, nil
}

func volumeFor(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *corev1.PersistentVolume {
	out := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: "pvc-" + string(claim.UID), Annotations: map[string]string{provisionedByAnnotation: Provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class.Name, AccessModes: claim.Spec.AccessModes, VolumeMode: claim.Spec.VolumeMode,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				CSI: &corev1.CSIPersistentVolumeSource{Driver: Provisioner, VolumeHandle: string(claim.UID)},
			},
		},
	}
	if class.ReclaimPolicy != nil {
		out.Spec.PersistentVolumeReclaimPolicy = *class.ReclaimPolicy
	}
	return out
}

// deleter deletes volumes whose claim is gone.
type deleter struct{ *world }

func (d *deleter) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var volume corev1.PersistentVolume
	if err := d.Get(ctx, request.NamespacedName, &volume); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	ours := volume.Annotations[provisionedByAnnotation] == Provisioner && volume.DeletionTimestamp == nil
	released := volume.Status.Phase == corev1.VolumeReleased && volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
	if !ours || !released {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(d.Delete(ctx, &volume))
}
