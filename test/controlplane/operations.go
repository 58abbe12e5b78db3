package controlplane

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// inCluster is the cluster that Argo CD runs in, as Argo CD calls it.
const inCluster = "https://kubernetes.default.svc"

// Delivery is an Application that a person writes: a folder of the repository, delivered to a namespace by the plugin.
type Delivery struct {
	Name string
	// Path is the folder.
	Path string
	// Reads are further folders that it reads, from the root of the repository.
	Reads []string
	// Server is the cluster; empty is the one that Argo CD runs in.
	Server    string
	Namespace string
	// Parameters are the plugin's.
	Parameters map[string]string
	// Substitutions are values of variables in manifests.
	Substitutions map[string]string
	Policy        *v1alpha1.SyncPolicy
	// Finalizers of the Application; v1alpha1.ResourcesFinalizerName deletes what it has delivered with it.
	Finalizers []string
}

// Deliver makes an Application.
func (s *Stack) Deliver(ctx context.Context, d Delivery) error {
	if err := s.DefaultProject(ctx); err != nil {
		return err
	}
	return s.Staging.Create(ctx, &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{Name: d.Name, Namespace: Namespace, Finalizers: d.Finalizers, Annotations: d.annotations()},
		Spec:       s.spec(d),
	})
}

func (s *Stack) spec(d Delivery) v1alpha1.ApplicationSpec {
	return v1alpha1.ApplicationSpec{
		Project: v1alpha1.DefaultAppProjectName,
		Source: &v1alpha1.ApplicationSource{
			RepoURL: s.Repository.URL, TargetRevision: "main", Path: d.Path,
			Plugin: &v1alpha1.ApplicationSourcePlugin{Name: "tidegate", Parameters: d.parameters()},
		},
		Destination: v1alpha1.ApplicationDestination{Server: cmp.Or(d.Server, inCluster), Namespace: d.Namespace},
		SyncPolicy:  d.Policy,
	}
}

// annotations say what Argo CD sends to the plugin, and watches.
func (d Delivery) annotations() map[string]string {
	return map[string]string{v1alpha1.AnnotationKeyManifestGeneratePaths: d.paths()}
}

func (d Delivery) paths() string {
	all := []string{"/" + d.Path}
	for _, folder := range d.Reads {
		all = append(all, "/"+folder)
	}
	return strings.Join(all, ";")
}

func (d Delivery) parameters() v1alpha1.ApplicationSourcePluginParameters {
	var out v1alpha1.ApplicationSourcePluginParameters
	for name, value := range d.Parameters {
		out = append(out, v1alpha1.ApplicationSourcePluginParameter{Name: name, String_: &value})
	}
	if len(d.Substitutions) > 0 {
		out = append(out, v1alpha1.ApplicationSourcePluginParameter{
			Name: "substitutions", OptionalMap: &v1alpha1.OptionalMap{Map: d.Substitutions},
		})
	}
	slices.SortFunc(out, func(a, b v1alpha1.ApplicationSourcePluginParameter) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// DefaultProject makes the project that Argo CD's API server makes when it starts.
func (s *Stack) DefaultProject(ctx context.Context) error {
	return client.IgnoreAlreadyExists(s.Staging.Create(ctx, &v1alpha1.AppProject{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultAppProjectName, Namespace: Namespace},
		Spec: v1alpha1.AppProjectSpec{
			SourceRepos:              []string{"*"},
			Destinations:             []v1alpha1.ApplicationDestination{{Server: "*", Namespace: "*"}},
			ClusterResourceWhitelist: []metav1.GroupKind{{Group: "*", Kind: "*"}},
		},
	}))
}

// Application reads an Application.
func (s *Stack) Application(ctx context.Context, name string) (*v1alpha1.Application, error) {
	app := &v1alpha1.Application{}
	return app, s.Staging.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: name}, app)
}

// Sync asks for a sync of an Application to the newest revision, as the button of Argo CD's UI does.
func (s *Stack) Sync(ctx context.Context, name string) error {
	app, err := s.Application(ctx, name)
	if err != nil {
		return err
	}
	operation := v1alpha1.Operation{
		InitiatedBy: v1alpha1.OperationInitiator{Username: "a human"},
		Sync:        &v1alpha1.SyncOperation{Prune: true},
	}
	if policy := app.Spec.SyncPolicy; policy != nil {
		operation.Sync.SyncOptions = policy.SyncOptions
		if policy.Retry != nil {
			operation.Retry = *policy.Retry
		}
	}
	patch, err := json.Marshal(map[string]any{"operation": operation})
	if err != nil {
		return err
	}
	return s.Staging.Patch(ctx, app, client.RawPatch("application/merge-patch+json", patch))
}

// Synced is nil when the last operation of an Application has succeeded. One that has failed never will.
func Synced(app *v1alpha1.Application) error {
	state := app.Status.OperationState
	switch {
	case state == nil || app.Operation != nil && state.Phase.Completed():
		return fmt.Errorf("Application %s: its sync has not started: %s", app.Name, conditions(app))
	case state.Phase.Failed():
		return Never(fmt.Errorf("Application %s: its sync has failed: %s", app.Name, state.Message))
	case state.Phase != common.OperationSucceeded:
		return fmt.Errorf("Application %s: its sync is %s: %s", app.Name, state.Phase, state.Message)
	}
	return nil
}

// conditions are what Argo CD complains of.
func conditions(app *v1alpha1.Application) string {
	var all []string
	for _, condition := range app.Status.Conditions {
		all = append(all, condition.Type+": "+condition.Message)
	}
	return strings.Join(all, "; ")
}

// Refresh has Argo CD look for new commits, as a webhook of the repository would.
func (s *Stack) Refresh(ctx context.Context, name string) error {
	app := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationKeyRefresh, v1alpha1.RefreshTypeNormal)
	return s.Staging.Patch(ctx, app, client.RawPatch("application/merge-patch+json", []byte(patch)))
}
