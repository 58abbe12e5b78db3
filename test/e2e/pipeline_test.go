//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

// TestPipeline follows the example from its repository to two clusters. Each part goes on where the one before it ended.
func TestPipeline(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{Operators: []string{simulate.AllGroups}, HideSecrets: true})
	s.must(s.InstallExample(s.Context()))
	s.part("Argo CD may do on production what services need, and nothing else", (*suite).limitedRights)
	s.part("one template makes every Application as the platform wants it", (*suite).applicationsAppear)
	s.part("staging syncs by itself, production waits for a human", (*suite).productionWaits)
	s.part("a promotion is one line", (*suite).promotion)
	s.part("replicas are the autoscaler's, everything else is Git's", (*suite).drift)
	s.part("the plugin renders what Argo CD renders", (*suite).parity)
	s.part("both servers of the plugin do the same", (*suite).bothModes)
	s.part("nobody was told of a sync of production twice", (*suite).toldOnce)
}

// limitedRights tries, as Argo CD is on production, what its credentials must not allow. That they allow what it needs is seen
// when it syncs.
func (s *suite) limitedRights() {
	deployer := s.registered("production")
	all, hook := metav1.ObjectMeta{Name: "all"}, admissionv1.WebhookClientConfig{URL: new(string)}
	for what, err := range map[string]error{
		"create a ClusterRole": deployer.Create(s.Context(), &rbacv1.ClusterRole{ObjectMeta: all}),
		"bind cluster-admin": deployer.Create(s.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: all,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: controlplane.Deployer}}}),
		"create a webhook": deployer.Create(s.Context(), &admissionv1.MutatingWebhookConfiguration{ObjectMeta: all,
			Webhooks: []admissionv1.MutatingWebhook{{Name: "all.example.com", ClientConfig: hook}}}),
		"delete a node":                     deployer.Delete(s.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-0"}}),
		"list the Secrets of all":           deployer.List(s.Context(), &corev1.SecretList{}),
		"read a Secret of another's":        deployer.Get(s.Context(), client.ObjectKey{Namespace: "kube-system", Name: "any"}, &corev1.Secret{}),
		"write a Secret of its own service": deployer.Create(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "payments-production", Name: "any"}}),
	} {
		if !apierrors.IsForbidden(err) {
			s.Errorf("Argo CD may %s on production: %v", what, err)
		}
	}
}

// registered is a client of a cluster with the credentials that Argo CD has been given.
func (s *suite) registered(cluster string) client.Client {
	s.Helper()
	secret := &corev1.Secret{}
	s.must(s.Staging.Get(s.Context(), client.ObjectKey{Namespace: controlplane.Namespace, Name: "cluster-" + cluster}, secret))
	known := v1alpha1.Cluster{Server: string(secret.Data["server"])}
	s.must(json.Unmarshal(secret.Data["config"], &known.Config))
	config, err := known.RawRestConfig()
	s.must(err)
	out, err := client.New(config, client.Options{Scheme: controlplane.Scheme})
	s.must(err)
	return out
}

// part runs a part of a test. The next ones cannot do without it.
func (s *suite) part(name string, run func(*suite)) {
	s.Helper()
	if !s.Run(name, func(t *testing.T) { run(newSuite(t, s.Stack)) }) {
		s.FailNow()
	}
}

// untilReported waits until Argo CD says of Applications that they are so.
func (s *suite) untilReported(sync v1alpha1.SyncStatusCode, health health.HealthStatusCode, names ...string) {
	s.Helper()
	for _, name := range names {
		s.until(fmt.Sprintf("%s is %s and %s", name, sync, health), func(ctx context.Context) error {
			return s.Reported(ctx, name, sync, health)
		})
	}
}

// inStaging are the Applications of the example that sync by themselves.
var inStaging = []string{"payments-api-dev", "payments-api-staging", "ledger-worker-staging"}

func (s *suite) applicationsAppear() {
	want := []string{
		"argocd-apps", "cluster-config-production", "cluster-config-staging", "ledger-worker-production", "ledger-worker-staging",
		"payments-api-dev", "payments-api-production", "payments-api-staging",
	}
	var got map[string]v1alpha1.Application
	s.until("the Applications are those of the repository", func(ctx context.Context) (err error) {
		if got, err = s.Applications(ctx); err != nil {
			return err
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			return fmt.Errorf("(-want +got):\n%s", diff)
		}
		return nil
	})
	for _, want := range s.reference() {
		if diff := cmp.Diff(want, essential(got[want.Name]), cmpopts.IgnoreUnexported(v1alpha1.ApplicationDestination{})); diff != "" {
			s.Errorf("%s (-want +got):\n%s", want.Name, diff)
		}
	}
}

// notified is where Argo CD notes what it has told people of.
const notified = "notified.notifications.argoproj.io"

// essential is an Application without what is not the platform's wish: its status, and what Argo CD and Tidegate note.
func essential(app v1alpha1.Application) v1alpha1.Application {
	annotations := maps.Clone(app.Annotations)
	delete(annotations, v1alpha1.AnnotationKeyRefresh)
	delete(annotations, params.Annotation)
	delete(annotations, notified)
	out := v1alpha1.Application{Spec: app.Spec}
	out.Name, out.Namespace, out.Labels, out.Annotations, out.Finalizers = app.Name, app.Namespace, app.Labels, annotations, app.Finalizers
	for _, owner := range app.OwnerReferences {
		out.OwnerReferences = append(out.OwnerReferences, metav1.OwnerReference{Name: owner.Name})
	}
	return out
}

// reference are the Applications of payments-api in staging and production, field by field.
func (s *suite) reference() []v1alpha1.Application {
	staging := s.inEnvironment("staging", "https://kubernetes.default.svc")
	staging.Labels["tidegate.dev/batch"] = "staging"
	factor := int64(2)
	staging.Spec.SyncPolicy = &v1alpha1.SyncPolicy{
		Automated:   &v1alpha1.SyncPolicyAutomated{Prune: true, SelfHeal: true, AllowEmpty: false},
		SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true", "PrunePropagationPolicy=foreground", "RespectIgnoreDifferences=true"},
		Retry:       &v1alpha1.RetryStrategy{Limit: 3, Backoff: &v1alpha1.Backoff{Duration: "5s", Factor: &factor, MaxDuration: "3m"}},
	}
	production := s.inEnvironment("production", s.Production.Server)
	production.Labels["tidegate.dev/batch"] = "production-canary"
	production.Annotations["notifications.argoproj.io/subscribe.on-production-sync.slack"] = "devops-oncall"
	production.Spec.SyncPolicy = &v1alpha1.SyncPolicy{
		SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true", "PrunePropagationPolicy=foreground"},
		Retry:       &v1alpha1.RetryStrategy{Limit: 2, Backoff: &v1alpha1.Backoff{Duration: "10s", Factor: &factor, MaxDuration: "5m"}},
	}
	return []v1alpha1.Application{staging, production}
}

// inEnvironment is what both have in common.
func (s *suite) inEnvironment(environment, server string) v1alpha1.Application {
	var app v1alpha1.Application
	app.Name, app.Namespace = "payments-api-"+environment, "argocd"
	app.Finalizers = []string{"resources-finalizer.argocd.argoproj.io"}
	app.OwnerReferences = []metav1.OwnerReference{{Name: "tidegate-services"}}
	// The steps of a rollout select by them.
	app.Labels = map[string]string{
		"tidegate.dev/kind": "services", "tidegate.dev/service": "payments-api",
		"tidegate.dev/environment": environment, "tidegate.dev/cluster": environment,
	}
	app.Annotations = map[string]string{
		"argocd.argoproj.io/manifest-generate-paths":                  "/services/payments-api",
		"notifications.argoproj.io/subscribe.on-sync-succeeded.slack": "devops-deploys",
		"notifications.argoproj.io/subscribe.on-sync-failed.slack":    "devops-alerts",
	}
	app.Spec = v1alpha1.ApplicationSpec{
		Project: "payments-team",
		Source: &v1alpha1.ApplicationSource{
			RepoURL: s.Repository.URL, TargetRevision: "main", Path: "services/payments-api/overlays/" + environment,
			Plugin: &v1alpha1.ApplicationSourcePlugin{Name: "tidegate"},
		},
		Destination: v1alpha1.ApplicationDestination{Server: server, Namespace: "payments-" + environment},
		IgnoreDifferences: v1alpha1.IgnoreDifferences{
			{Group: "apps", Kind: "Deployment", Name: "payments-api", JSONPointers: []string{"/spec/replicas"}},
		},
	}
	return app
}

func (s *suite) productionWaits() {
	s.untilReported("Synced", "Healthy", append(inStaging, "argocd-apps", "cluster-config-staging", "cluster-config-production")...)
	s.runs(s.Staging, "payments-staging", "sha-a1b2c3d", 2)
	s.untilReported("OutOfSync", "Missing", "payments-api-production")
	if app := s.compared("payments-api-production"); app.Operation != nil || app.Status.OperationState != nil {
		s.Fatalf("production was synced with nobody asking for it: %+v, %+v", app.Operation, app.Status.OperationState)
	}
	var deployments appsv1.DeploymentList
	s.must(s.Production.List(s.Context(), &deployments))
	if len(deployments.Items) > 0 {
		s.Fatalf("production has Deployments although nobody has synced it: %v", deployments.Items)
	}

	s.must(s.Sync(s.Context(), "payments-api-production"))
	s.untilReported("Synced", "Healthy", "payments-api-production")
	s.runs(s.Production, "payments-production", "v1.4.2", 5)
	budget := &policyv1.PodDisruptionBudget{}
	s.must(s.Production.Get(s.Context(), client.ObjectKey{Namespace: "payments-production", Name: "payments-api"}, budget))
	if budget.Spec.MaxUnavailable.IntValue() != 1 {
		s.Errorf("the PodDisruptionBudget allows %s", budget.Spec.MaxUnavailable)
	}
	revision := s.git("rev-parse", "HEAD")
	s.told("devops-deploys", "payments-api-staging is synced to "+revision[:7]+".")
	s.told("devops-deploys", "payments-api-production is synced to "+revision[:7]+".")
	s.told("devops-oncall", "payments-api-production: Succeeded, started by a human, "+s.web()+"/commit/"+revision)
}

// web is where people see the repository, as a forge's page of it would be.
func (s *suite) web() string {
	return "https://" + strings.TrimSuffix(strings.TrimPrefix(s.Repository.URL, "file://"), ".git")
}

// told waits until a channel has got a message.
func (s *suite) told(channel, message string) {
	s.Helper()
	s.until(fmt.Sprintf("%s gets %q", channel, message), func(context.Context) error {
		if got := s.messages(channel); !slices.Contains(got, message) {
			return fmt.Errorf("it has got %q", got)
		}
		return nil
	})
}

// messages are what a channel has got until now.
func (s *suite) messages(channel string) []string {
	var out []string
	for _, m := range s.Slack.Messages() {
		if m.Channel == channel {
			out = append(out, strings.TrimSpace(m.Text))
		}
	}
	return out
}

// toldOnce fails the test if the on-call channel was told of one of the three syncs of production more than once, long after
// it was told first. The messages of each differ.
func (s *suite) toldOnce() {
	got := s.messages("devops-oncall")
	if distinct := slices.Compact(slices.Sorted(slices.Values(got))); len(got) != 3 || len(distinct) != 3 {
		s.Errorf("devops-oncall has got %q, want one message for each of three syncs", got)
	}
}

// runs fails the test unless payments-api runs a version in so many ready pods, and in no others.
func (s *suite) runs(cluster *controlplane.Cluster, namespace, tag string, replicas int32) {
	s.Helper()
	deployment := s.paymentsAPI(cluster, namespace)
	if got := deployment.Status; got.ReadyReplicas != replicas || got.UpdatedReplicas != replicas || *deployment.Spec.Replicas != replicas {
		s.Errorf("%s: payments-api has %d replicas, %d of them ready, %d of them of the newest version; want %d",
			namespace, *deployment.Spec.Replicas, got.ReadyReplicas, got.UpdatedReplicas, replicas)
	}
	if label := deployment.Labels["version"]; label != tag {
		s.Errorf("%s: Deployment payments-api has the label version %q, want %q", namespace, label, tag)
	}
	for _, pod := range s.podsOf(cluster, namespace, client.MatchingLabels{"app": "payments-api"}) {
		if image := pod.Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+tag) {
			s.Errorf("%s: pod %s has image %s, want tag %s", namespace, pod.Name, image, tag)
		}
	}
}

func (s *suite) paymentsAPI(cluster *controlplane.Cluster, namespace string) *appsv1.Deployment {
	s.Helper()
	deployment, err := paymentsAPI(s.Context(), cluster, namespace)
	s.must(err)
	return deployment
}

func paymentsAPI(ctx context.Context, cluster *controlplane.Cluster, namespace string) (*appsv1.Deployment, error) {
	deployment := &appsv1.Deployment{}
	return deployment, cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "payments-api"}, deployment)
}

// podsOf are the pods of a namespace that are there to stay.
func (s *suite) podsOf(cluster *controlplane.Cluster, namespace string, options ...client.ListOption) []corev1.Pod {
	s.Helper()
	var pods corev1.PodList
	s.must(cluster.List(s.Context(), &pods, append(options, client.InNamespace(namespace))...))
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
}
