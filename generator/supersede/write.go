package supersede

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// All writes are merge patches: an update by a typed client drops what a newer Argo CD's objects have more. The Application
// has no status subresource, so that one patch writes operation and status.

// terminate does as the API server's TerminateOperation, and leaves the note that says so. It fails with a conflict if the
// Application is not the one that was decided about.
func (r *Releaser) terminate(ctx context.Context, app *v1alpha1.Application) error {
	state := app.Status.OperationState
	info := make([]*v1alpha1.Info, 0, len(state.Operation.Info)+1)
	for _, other := range state.Operation.Info {
		if other != nil && other.Name != Mark {
			info = append(info, other)
		}
	}
	info = append(info, &v1alpha1.Info{Name: Mark, Value: id(app)})
	return r.patch(ctx, app, map[string]any{
		"metadata": map[string]any{"resourceVersion": app.ResourceVersion},
		"status": map[string]any{"operationState": map[string]any{
			"phase":     common.OperationTerminating,
			"operation": map[string]any{"info": info},
		}},
	})
}

// start writes the operation that auto-sync would (controller/appcontroller.go, autoSync), the way it does (util/argo,
// SetAppOperation): the last operation's state goes, and another operation that has been asked for stays. It is that of Argo CD
// 2.14. Argo CD 3.3 writes the Application's own source besides, which it takes anyway where none is written, and the types
// here may not have all of.
func (r *Releaser) start(ctx context.Context, app *v1alpha1.Application, revision string) error {
	return r.patch(ctx, app, map[string]any{
		"metadata":  map[string]any{"resourceVersion": app.ResourceVersion},
		"operation": operation(app, revision),
		"status":    map[string]any{"operationState": nil},
	})
}

func operation(app *v1alpha1.Application, revision string) *v1alpha1.Operation {
	policy := app.Spec.SyncPolicy
	made := &v1alpha1.Operation{
		Sync: &v1alpha1.SyncOperation{
			Revision:    revision,
			Prune:       policy.Automated.Prune,
			SyncOptions: policy.SyncOptions,
		},
		InitiatedBy: v1alpha1.OperationInitiator{Automated: true},
		Retry:       v1alpha1.RetryStrategy{Limit: 5},
	}
	if policy.Retry != nil {
		made.Retry = *policy.Retry
	}
	return made
}

// refresh asks Argo CD to compare with what it follows. The ApplicationSet controller keeps that annotation.
func (r *Releaser) refresh(ctx context.Context, app *v1alpha1.Application) error {
	return r.patch(ctx, app, map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		v1alpha1.AnnotationKeyRefresh: string(v1alpha1.RefreshTypeNormal),
	}}})
}

func (r *Releaser) patch(ctx context.Context, app *v1alpha1.Application, patch map[string]any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("patch of Application %s: %w", app.QualifiedName(), err)
	}
	_, err = r.applications(app.Namespace).Patch(ctx, app.Name, types.MergePatchType, body, metav1.PatchOptions{})
	return err
}
