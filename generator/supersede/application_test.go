package supersede_test

import (
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	bad    = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"
	repair = "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"
	later  = "1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a"
	waits  = "waiting for healthy state of apps/Deployment/payments-api"
)

var started = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// blocked is an Application whose automated sync to bad waits for a Deployment, while Argo CD knows of repair.
func blocked() *v1alpha1.Application {
	source := v1alpha1.ApplicationSource{
		RepoURL: "https://git.example.com/platform.git", TargetRevision: "main", Path: "services/payments-api/overlays/staging",
		Plugin: &v1alpha1.ApplicationSourcePlugin{Name: "tidegate"},
	}
	operation := v1alpha1.Operation{
		Sync:        &v1alpha1.SyncOperation{Revision: bad, Prune: true, SyncOptions: v1alpha1.SyncOptions{"ServerSideApply=true"}},
		InitiatedBy: v1alpha1.OperationInitiator{Automated: true},
		Retry:       v1alpha1.RetryStrategy{Limit: 5},
	}
	return &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{
			Name: "payments-api-staging", Namespace: "argocd", UID: "1", ResourceVersion: "1",
			Labels:      map[string]string{"tidegate.dev/environment": "staging"},
			Annotations: map[string]string{v1alpha1.AnnotationKeyManifestGeneratePaths: "/services/payments-api"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Name: "tidegate-services", Controller: new(true),
			}},
		},
		Spec: v1alpha1.ApplicationSpec{
			Project: "payments", Source: &source,
			Destination: v1alpha1.ApplicationDestination{Server: "https://kubernetes.default.svc", Namespace: "payments-staging"},
			SyncPolicy: &v1alpha1.SyncPolicy{
				Automated:   &v1alpha1.SyncPolicyAutomated{Prune: true, SelfHeal: true},
				SyncOptions: v1alpha1.SyncOptions{"ServerSideApply=true"},
			},
		},
		Operation: &operation,
		Status: v1alpha1.ApplicationStatus{
			Sync: v1alpha1.SyncStatus{Status: v1alpha1.SyncStatusCodeOutOfSync, Revision: repair, ComparedTo: v1alpha1.ComparedTo{Source: source}},
			Resources: []v1alpha1.ResourceStatus{{
				Group: "apps", Kind: "Deployment", Namespace: "payments-staging", Name: "payments-api", Status: v1alpha1.SyncStatusCodeOutOfSync,
				Health: &v1alpha1.HealthStatus{Status: health.HealthStatusProgressing, Message: "0 of 2 updated replicas are available"},
			}, {
				Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "payments-staging", Name: "payments-api", Status: v1alpha1.SyncStatusCodeSynced,
				Health: &v1alpha1.HealthStatus{Status: health.HealthStatusHealthy, Message: "recommended size matches current size"},
			}},
			OperationState: &v1alpha1.OperationState{
				Operation: *operation.DeepCopy(), Phase: common.OperationRunning, Message: waits, StartedAt: metav1.NewTime(started),
				SyncResult: &v1alpha1.SyncOperationResult{Revision: bad, Source: source, Resources: v1alpha1.ResourceResults{
					{Kind: "ConfigMap", Namespace: "payments-staging", Name: "settings", Status: common.ResultCodeSynced, HookPhase: common.OperationSucceeded, SyncPhase: common.SyncPhaseSync},
					{Group: "apps", Kind: "Deployment", Namespace: "payments-staging", Name: "payments-api", Status: common.ResultCodeSynced, HookPhase: common.OperationRunning, SyncPhase: common.SyncPhaseSync},
				}},
			},
		},
	}
}

// over is blocked after its operation was released and ended.
func over() *v1alpha1.Application {
	app := blocked()
	app.Operation = nil
	mark(app)
	state := app.Status.OperationState
	state.Phase, state.Message = common.OperationFailed, "Operation terminated"
	state.FinishedAt = new(metav1.NewTime(started.Add(time.Hour)))
	return app
}

func mark(app *v1alpha1.Application) {
	state := app.Status.OperationState
	state.Operation.Info = append(state.Operation.Info, &v1alpha1.Info{
		Name: "tidegate.dev/superseded", Value: state.StartedAt.UTC().Format(time.RFC3339) + "/" + state.SyncResult.Revision,
	})
}
