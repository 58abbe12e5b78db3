package live

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin/manifest"
)

// record is what is kept of an Application.
type record struct {
	metav1.ObjectMeta
	application Application
	// owner is the name of the ApplicationSet that Argo CD takes it to be of; empty for none.
	owner string
	// controlled is what its controller is called in Taken; empty for none.
	controlled string
}

// recordApplication picks from an Application what is kept of it. What many Applications say is kept once.
func recordApplication(app *v1alpha1.Application) *record {
	source, health, sync := app.Spec.GetSource(), app.Status.Health.Status, app.Status.Sync.Status
	out := &record{ObjectMeta: identity(app), application: Application{
		Name: app.Name, UID: string(app.UID), ResourceVersion: app.ResourceVersion,
		Parameters: app.Annotations[params.Annotation],
		Labels:     sharedMap(app.Labels),
		Created:    app.CreationTimestamp.Time,
		Written:    written(app),
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
		Resources:            resources(app),
	}}
	out.owner, out.controlled = shared(owner(app)), shared(controlled(app))
	return out
}

// written is the time of the newest manager that has the annotation with the parameter set (metadata.managedFields).
func written(app *v1alpha1.Application) (at time.Time) {
	field := []byte(`"f:` + params.Annotation + `"`)
	for _, entry := range app.ManagedFields {
		if entry.Time != nil && entry.FieldsV1 != nil && entry.Time.After(at) && bytes.Contains(entry.FieldsV1.Raw, field) {
			at = entry.Time.Time
		}
	}
	return at
}

func resources(app *v1alpha1.Application) []uint64 {
	if len(app.Status.Resources) == 0 {
		return nil
	}
	out := make([]uint64, len(app.Status.Resources))
	for i, r := range app.Status.Resources {
		out[i] = manifest.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}.Hash()
	}
	slices.Sort(out)
	return out
}

func operationRunning(app *v1alpha1.Application) bool {
	state := app.Status.OperationState
	return app.Operation != nil || state != nil && (state.Phase == common.OperationRunning || state.Phase == common.OperationTerminating)
}

// owner is the ApplicationSet that Argo CD takes an Application to be of, and so deletes it for: by name, not by UID
// (appControllerIndexer, getCurrentApplications). One of that name that was deleted and made anew has its Applications
// again, and writes its own UID into each that it is answered (controllerutil.SetControllerReference).
func owner(app *v1alpha1.Application) string {
	of := metav1.GetControllerOfNoCopy(app)
	if of == nil || of.APIVersion != v1alpha1.SchemeGroupVersion.String() || of.Kind != applicationSetKind {
		return ""
	}
	return of.Name
}

const applicationSetKind = "ApplicationSet"

// controlled is what keeps every ApplicationSet but that of its own name from taking over an Application
// (controllerutil.SetControllerReference): an ApplicationSet's name, or kind/name of something else.
func controlled(app *v1alpha1.Application) string {
	of := metav1.GetControllerOfNoCopy(app)
	if of == nil {
		return ""
	}
	if group, _, _ := strings.Cut(of.APIVersion, "/"); group == v1alpha1.SchemeGroupVersion.Group && of.Kind == applicationSetKind {
		return of.Name
	}
	return of.Kind + "/" + of.Name
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

// sameApplication tells whether a newer version says nothing that a decision waits for. What it has delivered is looked at when
// it is to go.
func sameApplication(before, after *record) bool {
	a, b := before.application, after.application
	a.ResourceVersion, b.ResourceVersion = "", ""
	a.Resources, b.Resources = nil, nil
	a.Written, b.Written = time.Time{}, time.Time{}
	return before.owner == after.owner && before.controlled == after.controlled && reflect.DeepEqual(a, b)
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
