//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane"
)

func (s *suite) drift() {
	s.part("a number of replicas that somebody chose stays, whatever Argo CD repairs", (*suite).scaledByHand)
	s.part("a number of replicas that the autoscaler chose stays, whatever Argo CD repairs", (*suite).scaledByTheAutoscaler)
	s.part("production reports what somebody changed, and leaves it", (*suite).driftInProduction)
}

func (s *suite) scaledByHand() {
	s.must(s.Staging.Scale(s.Context(), "payments-staging", "payments-api", 4))
	s.untilReplicas(4)
	s.repairsTheService(func(service *corev1.Service) error {
		service.Labels["app"] = "somebody-elses"
		return s.Staging.Update(s.Context(), service)
	})
	s.keepsReplicas(4)
	s.repairsTheDeployment()
	s.keepsReplicas(4)
	// A full sync applies the Deployment too.
	s.must(s.Sync(s.Context(), "payments-api-staging"))
	s.untilReported("Synced", "Healthy", "payments-api-staging")
	s.keepsReplicas(4)
}

func (s *suite) scaledByTheAutoscaler() {
	audit, err := s.Staging.Audit()
	s.must(err)
	// One more than it may be: the autoscaler itself goes back to its maximum.
	s.must(s.Staging.Scale(s.Context(), "payments-staging", "payments-api", 7))
	s.untilReplicas(6)
	writes, err := audit.Writes(func(w controlplane.Write) bool {
		return w.Resource == "deployments.apps/scale" && w.User == "system:kube-controller-manager" && w.Status == http.StatusOK
	})
	s.must(err)
	if len(writes) != 1 {
		s.Fatalf("the autoscaler has scaled %d times: %v", len(writes), writes)
	}
	s.repairsTheService(func(service *corev1.Service) error { return s.Staging.Delete(s.Context(), service) })
	s.keepsReplicas(6)
	s.repairsTheDeployment()
	s.keepsReplicas(6)
}

// repairsTheDeployment changes what Git says of payments-api's Deployment in staging, whose replicas are left alone, and waits
// until Argo CD has changed it back.
func (s *suite) repairsTheDeployment() {
	s.Helper()
	deployment := s.paymentsAPI(s.Staging, "payments-staging")
	want := deployment.DeepCopy()
	container := &deployment.Spec.Template.Spec.Containers[0]
	container.Image = "ghcr.io/somebody/payments-api:theirs"
	container.EnvFrom[1].SecretRef.Name = "somebody-elses"
	deployment.Labels["version"] = "theirs"
	s.must(s.Staging.Patch(s.Context(), deployment, client.MergeFrom(want)))
	s.until("Argo CD repairs the Deployment", func(ctx context.Context) error {
		got, err := paymentsAPI(ctx, s.Staging, "payments-staging")
		if err != nil {
			return err
		}
		return differ(
			[]any{want.Labels, want.Spec.Template.Spec.Containers}, []any{got.Labels, got.Spec.Template.Spec.Containers})
	})
	s.untilReported("Synced", "Healthy", "payments-api-staging")
}

// untilReplicas waits until payments-api runs in so many pods in staging.
func (s *suite) untilReplicas(want int32) {
	s.Helper()
	s.until(fmt.Sprintf("payments-api has %d replicas", want), func(ctx context.Context) error {
		deployment, err := paymentsAPI(ctx, s.Staging, "payments-staging")
		if err != nil {
			return err
		}
		if got := deployment.Status; *deployment.Spec.Replicas != want || got.Replicas != want || got.ReadyReplicas != want {
			return fmt.Errorf("it has %d, and %d are ready", *deployment.Spec.Replicas, got.ReadyReplicas)
		}
		return nil
	})
}

// keepsReplicas fails the test unless payments-api has so many replicas in staging, and Argo CD is content with that.
func (s *suite) keepsReplicas(want int32) {
	s.Helper()
	if got := *s.paymentsAPI(s.Staging, "payments-staging").Spec.Replicas; got != want {
		s.Errorf("payments-api has %d replicas after Argo CD's sync, want %d, as it was scaled", got, want)
	}
	if app := s.compared("payments-api-staging"); app.Status.Sync.Status != "Synced" {
		s.Errorf("staging is %s because of the replicas", app.Status.Sync.Status)
	}
}

// repairsTheService breaks the Service of payments-api in staging, and waits until Argo CD has repaired it.
func (s *suite) repairsTheService(spoil func(*corev1.Service) error) {
	s.Helper()
	service := &corev1.Service{}
	key := client.ObjectKey{Namespace: "payments-staging", Name: "payments-api"}
	s.must(s.Staging.Get(s.Context(), key, service))
	s.must(spoil(service))
	s.until("Argo CD repairs the Service", func(ctx context.Context) error {
		service := &corev1.Service{}
		if err := s.Staging.Get(ctx, key, service); err != nil {
			return err
		}
		if label := service.Labels["app"]; label != "payments-api" {
			return fmt.Errorf("its label app is %q", label)
		}
		return nil
	})
	s.untilReported("Synced", "Healthy", "payments-api-staging")
}

func (s *suite) driftInProduction() {
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "payments-production", Name: "payments-api"}}
	key, synced := client.ObjectKeyFromObject(budget), s.application("payments-api-production").Status.OperationState.StartedAt
	audit, err := s.Production.Audit()
	s.must(err)
	before := s.workloads(s.Production)
	s.must(s.Production.Patch(s.Context(), budget, client.RawPatch(types.MergePatchType, []byte(`{"spec": {"maxUnavailable": 3}}`))))
	s.untilReported("OutOfSync", "Healthy", "payments-api-production")
	if got := s.compared("payments-api-production"); got.Operation != nil || got.Status.OperationState.StartedAt != synced {
		s.Errorf("production was synced with nobody asking for it: %+v", got.Status.OperationState)
	}
	s.untouched(s.Production, audit, before)

	// A number of replicas that somebody chose is not even reported.
	s.must(s.Production.Scale(s.Context(), "payments-production", "payments-api", 8))
	s.until("production has 8 replicas", func(context.Context) error {
		if ready := s.paymentsAPI(s.Production, "payments-production").Status.ReadyReplicas; ready != 8 {
			return fmt.Errorf("%d are ready", ready)
		}
		return nil
	})
	for _, difference := range s.compared("payments-api-production").Status.Resources {
		if difference.Kind == "Deployment" && difference.Status != v1alpha1.SyncStatusCodeSynced {
			s.Errorf("the replicas are reported: %+v", difference)
		}
	}
	s.must(s.Sync(s.Context(), "payments-api-production"))
	s.untilReported("Synced", "Healthy", "payments-api-production")
	s.must(s.Production.Get(s.Context(), key, budget))
	if *budget.Spec.MaxUnavailable != intstr.FromInt32(1) {
		s.Errorf("a human's sync has left the PodDisruptionBudget at %s", budget.Spec.MaxUnavailable)
	}
	// Without RespectIgnoreDifferences=true, which production does not have, a sync applies what is ignored; docs/generator.md says so.
	if got := *s.paymentsAPI(s.Production, "payments-production").Spec.Replicas; got != 5 {
		s.Errorf("payments-api has %d replicas in production after a human's sync, want 5, as Git says", got)
	}
}
