package live

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"unique"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tidegate/tidegate/generator/params"
)

// record is what is kept of an Application.
type record struct {
	metav1.ObjectMeta
	application Application
	// owner is the UID of the ApplicationSet that is its controller; empty for none.
	owner, ownerName string
}

// recordApplication picks from an Application what is kept of it. What many Applications say is kept once.
func recordApplication(app *v1alpha1.Application) *record {
	source, health, sync := app.Spec.GetSource(), app.Status.Health.Status, app.Status.Sync.Status
	out := &record{ObjectMeta: identity(app), application: Application{
		Name: app.Name, UID: string(app.UID), ResourceVersion: app.ResourceVersion,
		Parameters: app.Annotations[params.Annotation],
		Labels:     sharedMap(app.Labels),
		Created:    app.CreationTimestamp.Time,
		Deleting:   app.DeletionTimestamp != nil,
		Automated:  app.Spec.SyncPolicy != nil && app.Spec.SyncPolicy.Automated != nil,
		Reconciled: app.Status.ReconciledAt != nil,
		Sync:       shared(string(sync)), Health: shared(string(health)),
		OperationRunning: operationRunning(app),

		Project:              shared(app.Spec.Project),
		DestinationServer:    shared(app.Spec.Destination.Server),
		DestinationName:      shared(app.Spec.Destination.Name),
		DestinationNamespace: shared(app.Spec.Destination.Namespace),
		Path:                 shared(source.Path),
	}}
	if of := controller(app); of != nil {
		out.owner, out.ownerName = shared(string(of.UID)), shared(of.Name)
	}
	return out
}

func operationRunning(app *v1alpha1.Application) bool {
	state := app.Status.OperationState
	return app.Operation != nil || state != nil && (state.Phase == common.OperationRunning || state.Phase == common.OperationTerminating)
}

// controller is the ApplicationSet that an Application belongs to; nil for none.
func controller(app *v1alpha1.Application) *metav1.OwnerReference {
	of := metav1.GetControllerOfNoCopy(app)
	if of == nil || of.Kind != "ApplicationSet" || !strings.HasPrefix(of.APIVersion, "argoproj.io/") {
		return nil
	}
	return of
}

// identity is all of an object's metadata that the informer needs.
func identity(object metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: shared(object.GetNamespace()), Name: object.GetName(), ResourceVersion: object.GetResourceVersion()}
}

// shared is one copy of a text that many objects have.
func shared(text string) string { return unique.Make(text).Value() }

func sharedMap(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for key, value := range in {
		out[shared(key)] = shared(value)
	}
	return out
}

// sameApplication tells whether a newer version says nothing that anything is decided by.
func sameApplication(before, after *record) bool {
	a, b := before.application, after.application
	a.ResourceVersion, b.ResourceVersion = "", ""
	return before.owner == after.owner && reflect.DeepEqual(a, b)
}

func (r *record) owned() string { return r.owner }

// GetObjectKind is runtime.Object's.
func (r *record) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is runtime.Object's: it is never changed.
func (r *record) DeepCopyObject() runtime.Object { return r }

// setRecord is what is kept of an ApplicationSet: not its status, which lists every resource of 2,000 Applications.
type setRecord struct {
	metav1.ObjectMeta
	set ApplicationSet
}

func recordSet(set *v1alpha1.ApplicationSet) *setRecord {
	annotations := maps.Clone(set.Annotations)
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	return &setRecord{ObjectMeta: identity(set), set: ApplicationSet{
		Name: set.Name, UID: string(set.UID), ResourceVersion: set.ResourceVersion,
		Annotations: annotations, Spec: set.Spec, Deleting: set.DeletionTimestamp != nil,
	}}
}

func sameSet(before, after *setRecord) bool {
	a, b := before.set, after.set
	a.ResourceVersion, b.ResourceVersion = "", ""
	return reflect.DeepEqual(a, b)
}

// GetObjectKind is runtime.Object's.
func (r *setRecord) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is runtime.Object's: it is never changed.
func (r *setRecord) DeepCopyObject() runtime.Object { return r }

// projectRecord is what is kept of an AppProject: that there is one.
type projectRecord struct {
	metav1.ObjectMeta
}

func recordProject(project *v1alpha1.AppProject) *projectRecord {
	return &projectRecord{identity(project)}
}

func sameProject(_, _ *projectRecord) bool { return true }

// GetObjectKind is runtime.Object's.
func (r *projectRecord) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject is runtime.Object's: it is never changed.
func (r *projectRecord) DeepCopyObject() runtime.Object { return r }

// asks tells whether any of the generators, however deep, is a plugin generator whose ConfigMap is one of these.
func asks(generators []v1alpha1.ApplicationSetGenerator, configMaps []string) bool {
	return slices.ContainsFunc(generators, func(g v1alpha1.ApplicationSetGenerator) bool {
		return g.Plugin != nil && slices.Contains(configMaps, g.Plugin.ConfigMapRef.Name) ||
			g.Matrix != nil && nestedAsks(g.Matrix.Generators, configMaps) ||
			g.Merge != nil && nestedAsks(g.Merge.Generators, configMaps)
	})
}

func nestedAsks(generators []v1alpha1.ApplicationSetNestedGenerator, configMaps []string) bool {
	return slices.ContainsFunc(generators, func(g v1alpha1.ApplicationSetNestedGenerator) bool {
		if g.Plugin != nil && slices.Contains(configMaps, g.Plugin.ConfigMapRef.Name) {
			return true
		}
		// What Argo CD cannot read either asks nobody.
		if matrix, err := v1alpha1.ToNestedMatrixGenerator(g.Matrix); g.Matrix != nil && err == nil {
			return nestedAsks(matrix.ToMatrixGenerator().Generators, configMaps)
		}
		if merge, err := v1alpha1.ToNestedMergeGenerator(g.Merge); g.Merge != nil && err == nil {
			return nestedAsks(merge.ToMergeGenerator().Generators, configMaps)
		}
		return false
	})
}
