package supersede_test

import (
	"testing"
	"testing/synctest"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/argoproj/argo-cd/v2/controller"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/argo-cd/v2/util/argo/normalizers"
	cacheutil "github.com/argoproj/argo-cd/v2/util/cache"
	"github.com/argoproj/argo-cd/v2/util/cache/appstate"
	"github.com/argoproj/argo-cd/v2/util/settings"
	"github.com/argoproj/gitops-engine/pkg/utils/kube/kubetest"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubefake "k8s.io/client-go/kubernetes/fake"
)

// autoSync is Argo CD's own. It is not exported, and all that is exported around it is a whole controller at work.
//
//go:linkname autoSync github.com/argoproj/argo-cd/v2/controller.(*ApplicationController).autoSync
func autoSync(ctrl *controller.ApplicationController, app *v1alpha1.Application, status *v1alpha1.SyncStatus,
	resources []v1alpha1.ResourceStatus, revisionUpdated bool) (*v1alpha1.ApplicationCondition, time.Duration)

// autoSynced is the Application after Argo CD's code has synced it to a revision that is new to it.
func autoSynced(t *testing.T, app *v1alpha1.Application) *v1alpha1.Application {
	t.Helper()
	const namespace = "argocd"
	meta := metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}
	config, secret := &corev1.ConfigMap{ObjectMeta: meta}, &corev1.Secret{ObjectMeta: meta}
	config.Name, secret.Name = "argocd-cm", "argocd-secret"
	kube, applications := kubefake.NewSimpleClientset(config, secret), fake.NewSimpleClientset(app.DeepCopy())
	ctrl, err := controller.NewApplicationController(namespace, settings.NewSettingsManager(t.Context(), kube, namespace), kube, applications, nil, nil,
		appstate.NewCache(cacheutil.NewCache(cacheutil.NewInMemoryCache(time.Minute)), time.Minute), &kubetest.MockKubectlCmd{},
		time.Minute, time.Hour, time.Second, time.Minute, nil, time.Minute, 0, time.Second, 0, 0, nil, nil, 0, true, nil, nil, nil, false, false,
		normalizers.IgnoreNormalizerOpts{}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	app = app.DeepCopy()
	if condition, _ := autoSync(ctrl, app, &app.Status.Sync, app.Status.Resources, true); condition != nil {
		t.Fatalf("Argo CD does not sync it: %s", condition.Message)
	}
	synced, err := applications.ArgoprojV1alpha1().Applications(namespace).Get(t.Context(), app.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return synced
}

// A newer revision's sync behaves otherwise than those that Argo CD starts if this fails.
func TestTheOperationIsTheOneThatArgoCDWrites(t *testing.T) {
	policy := func(change func(*v1alpha1.SyncPolicy)) edit {
		return func(app *v1alpha1.Application) { change(app.Spec.SyncPolicy) }
	}
	for _, c := range []struct {
		name string
		edit edit
	}{
		{"prune and selfHeal", all()},
		{"neither", policy(func(p *v1alpha1.SyncPolicy) { p.Automated = &v1alpha1.SyncPolicyAutomated{} })},
		{"empty allowed", policy(func(p *v1alpha1.SyncPolicy) { p.Automated.AllowEmpty = true })},
		{"no options", policy(func(p *v1alpha1.SyncPolicy) { p.SyncOptions = nil })},
		{"retries", policy(func(p *v1alpha1.SyncPolicy) {
			p.Retry = &v1alpha1.RetryStrategy{Limit: 2, Backoff: &v1alpha1.Backoff{Duration: "7s", Factor: new(int64(3)), MaxDuration: "1m"}}
		})},
		{"no retries", policy(func(p *v1alpha1.SyncPolicy) { p.Retry = &v1alpha1.RetryStrategy{} })},
		{"after a heal", state(func(s *v1alpha1.OperationState) { s.Operation.Sync.SelfHealAttemptsCount = 3 })},
		{"after a heal, which was switched off since", all(policy(func(p *v1alpha1.SyncPolicy) { p.Automated.SelfHeal = false }),
			state(func(s *v1alpha1.OperationState) { s.Operation.Sync.SelfHealAttemptsCount = 3 }))},
		{"what it replaces has options, notes and a strategy of its own", state(func(s *v1alpha1.OperationState) {
			s.Operation.Info = append(s.Operation.Info, &v1alpha1.Info{Name: "Reason", Value: "another"})
			s.Operation.Sync.SyncOptions = v1alpha1.SyncOptions{"Validate=false"}
			s.Operation.Sync.SyncStrategy = &v1alpha1.SyncStrategy{Apply: &v1alpha1.SyncStrategyApply{Force: true}}
			s.Operation.Retry.Limit = 9
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := over()
			c.edit(app)
			want := autoSynced(t, app)
			if want.Operation == nil {
				t.Fatal("Argo CD has written no operation")
			}
			run(t, app, nil, func(a *argocd) {
				synctest.Wait()
				got := a.live()
				if difference := cmp.Diff(want.Operation, got.Operation); difference != "" {
					t.Errorf("-Argo CD's +ours: %s", difference)
				}
				if got.Status.OperationState != nil || want.Status.OperationState != nil {
					t.Errorf("the last operation's state stays: %v, with Argo CD %v", got.Status.OperationState, want.Status.OperationState)
				}
			})
		})
	}
}
