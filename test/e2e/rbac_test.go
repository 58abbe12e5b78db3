//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	argo "github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/typed/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/incluster"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/generator/push"
	"github.com/tidegate/tidegate/generator/server"
	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

const generatorRole = "tidegate-generator"

// rights is the generator with the rights of its service account, for whoever wants to know what it needs them for. It runs in
// the test, and no other does: it leads, and what it has asked Argo CD for stays asked for.
type rights struct {
	*suite
	config *rest.Config
	kube   kubernetes.Interface
	admin  kubernetes.Interface
	// argo is an administrator's.
	argo versioned.Interface
	// from and to are revisions of the config repository, of which the newer one changes a file below docs.
	from, to string
}

func newRights(s *suite) *rights {
	s.Helper()
	s.Tidegate.Generator.Kill()
	for _, file := range []string{"manifests/generator-rbac.yaml", "manifests/applicationset.yaml"} {
		if err := s.Staging.ApplyFile(s.Context(), file); err != nil {
			s.Fatal(err)
		}
	}
	var err error
	r := &rights{suite: s, config: s.Staging.ConfigFor(controlplane.ServiceAccount(generatorRole))}
	r.config.QPS = -1
	r.kube, err = kubernetes.NewForConfig(r.config)
	s.must(err)
	r.argo, err = versioned.NewForConfig(s.Staging.Config)
	s.must(err)
	r.admin, err = kubernetes.NewForConfig(s.Staging.Config)
	s.must(err)
	r.from, err = s.Repository.Git("rev-parse", "HEAD")
	s.must(err)
	s.must(s.Repository.Write("docs/rights.md", "what a waiting sync is released for\n"))
	r.to, err = s.Repository.Push("change what the Application web is made from")
	s.must(err)
	// The Application web is its, and has nothing that says what it was made from: it is refused an answer, and that is told.
	set, err := r.sets().Get(s.Context(), servicesSet, metav1.GetOptions{})
	s.must(err)
	_, err = r.sets().Create(s.Context(), &v1alpha1.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Name: refusedSet}, Spec: set.Spec}, metav1.CreateOptions{})
	s.must(err)
	return r
}

const (
	servicesSet = "tidegate-services"
	refusedSet  = "rights"
)

func (r *rights) sets() argo.ApplicationSetInterface {
	return r.argo.ArgoprojV1alpha1().ApplicationSets(controlplane.Namespace)
}

func (r *rights) applications() argo.ApplicationInterface {
	return r.argo.ArgoprojV1alpha1().Applications(controlplane.Namespace)
}

// complaints is what the generator complains of when it does all that it ever does: until what it did is there, or until it has
// complained of what is expected.
func (r *rights) complaints(expected func(string) bool) string {
	r.Helper()
	r.anew()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	var out complaints
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	g, err := incluster.New(incluster.Options{
		Config: r.config, Namespace: controlplane.Namespace, ConfigMaps: []string{live.DefaultConfigMap}, Identity: r.Name(), Log: log,
		Mirror: mirror.Options{URL: r.Repository.URL, Branch: "main", Dir: r.TempDir()},
		Policy: admission.DefaultPolicy(), Push: true, Supersede: &supersede.Policy{Grace: time.Millisecond},
	})
	r.must(err)
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	told := r.once(ctx, g, log, &out)
	err = r.Until(ctx, "all is done, or complained of", func(ctx context.Context) error {
		if expected == nil {
			return r.done(ctx, g)
		}
		if text := out.text(); !expected(text) {
			return fmt.Errorf("it complains of %q", text)
		}
		return nil
	})
	if err != nil && expected == nil {
		out.add(fmt.Errorf("what is forbidden, or not done: %w", err))
	}
	cancel()
	told.Shutdown()
	r.must(errors.Join(<-ran, g.Close()))
	return out.text()
}

// anew has everything to be done again: nobody has ever led, a sync waits for what a newer revision has replaced.
func (r *rights) anew() {
	r.Helper()
	gone := func(err error) {
		if !apierrors.IsNotFound(err) {
			r.must(err)
		}
	}
	ctx := r.Context()
	gone(r.admin.CoordinationV1().Leases(controlplane.Namespace).Delete(ctx, generatorRole, metav1.DeleteOptions{}))
	gone(r.applications().Delete(ctx, "web", metav1.DeleteOptions{}))
	r.must(r.admin.CoreV1().Events(controlplane.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	_, err := r.sets().Patch(ctx, servicesSet, types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, push.Annotation), metav1.PatchOptions{})
	r.must(err)
	set, err := r.sets().Get(ctx, refusedSet, metav1.GetOptions{})
	r.must(err)
	_, err = r.applications().Create(ctx, r.web(set), metav1.CreateOptions{})
	r.must(err)
}

// web is an Application whose sync waits for a Deployment. Argo CD leaves it alone.
func (r *rights) web(set *v1alpha1.ApplicationSet) *v1alpha1.Application {
	source := v1alpha1.ApplicationSource{RepoURL: r.Repository.URL, TargetRevision: "main", Path: "docs"}
	destination := v1alpha1.ApplicationDestination{Server: "https://kubernetes.default.svc", Namespace: "web"}
	operation := v1alpha1.Operation{Sync: &v1alpha1.SyncOperation{Revision: r.from}, InitiatedBy: v1alpha1.OperationInitiator{Automated: true}}
	return &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", Annotations: map[string]string{common.AnnotationKeyAppSkipReconcile: "true", v1alpha1.AnnotationKeyManifestGeneratePaths: "/docs"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, v1alpha1.SchemeGroupVersion.WithKind("ApplicationSet"))},
		},
		Spec: v1alpha1.ApplicationSpec{
			Project: "rights", Source: &source, Destination: destination, SyncPolicy: &v1alpha1.SyncPolicy{Automated: &v1alpha1.SyncPolicyAutomated{}},
		},
		Operation: &operation,
		Status: v1alpha1.ApplicationStatus{
			Sync: v1alpha1.SyncStatus{
				Status: v1alpha1.SyncStatusCodeOutOfSync, Revision: r.to, ComparedTo: v1alpha1.ComparedTo{Source: source, Destination: destination},
			},
			OperationState: &v1alpha1.OperationState{
				Operation: operation, Phase: synccommon.OperationRunning, StartedAt: metav1.Now(), Message: "waiting for healthy state of apps/Deployment/web",
				SyncResult: &v1alpha1.SyncOperationResult{Revision: r.from, Source: source},
			},
		},
	}
}

// once does what others have the generator do: an ApplicationSet asks, a forge tells of a push, repositories of other kinds
// are read. What is told twice is one Event that is counted.
func (r *rights) once(ctx context.Context, g *incluster.Generator, log *slog.Logger, out *complaints) record.EventBroadcaster {
	r.Helper()
	_, err := g.Guard.Answer(ctx, generator.Request{ApplicationSet: refusedSet})
	out.add(err)
	hook := httptest.NewRequest(http.MethodPost, server.WebhookPath, strings.NewReader("{}"))
	hook.Header.Set("X-GitHub-Event", "push")
	// That there is no secret for it is told, and is nothing that the Role could help.
	said := httptest.NewRecorder()
	if g.Webhook().ServeHTTP(said, hook.WithContext(ctx)); said.Code != http.StatusForbidden && said.Code != http.StatusServiceUnavailable {
		r.Errorf("a webhook without a secret: %d %s", said.Code, said.Body)
	}
	reader := &credentials.Reader{Client: r.kube, Namespace: controlplane.Namespace, Scratch: r.TempDir()}
	for _, url := range []string{"https://git.example.com/platform.git", "ssh://git@git.example.com/platform.git"} {
		_, err := reader.For(ctx, url)
		out.add(err)
	}
	_, err = reader.Keys(ctx)
	out.add(err)
	broadcaster := record.NewBroadcaster(record.WithContext(klog.NewContext(context.WithoutCancel(ctx), logr.FromSlogHandler(log.Handler()))))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: r.kube.CoreV1().Events(controlplane.Namespace)})
	tell := guard.Tell(broadcaster.NewRecorder(controlplane.Scheme, corev1.EventSource{Component: "rights"}), slog.New(slog.DiscardHandler), controlplane.Namespace)
	for range 2 {
		tell(&live.ApplicationSet{Name: refusedSet, UID: "rights"}, guard.Report{Refused: "nothing can be held", Kind: admission.PartialView})
	}
	return broadcaster
}

// done says what the generator has not done yet of what it does by itself.
func (r *rights) done(ctx context.Context, g *incluster.Generator) error {
	if doubts := g.Doubts(); len(doubts) > 0 {
		return fmt.Errorf("in doubt: %q", doubts)
	}
	lease, err := r.admin.CoordinationV1().Leases(controlplane.Namespace).Get(ctx, generatorRole, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if lease.Annotations["tidegate.dev/good-revision"] == "" {
		return errors.New("the Lease does not say which revision was good last")
	}
	app, err := r.applications().Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if phase := app.Status.OperationState.Phase; phase != synccommon.OperationTerminating {
		return fmt.Errorf("the operation of Application web is %s", phase)
	}
	set, err := r.sets().Get(ctx, servicesSet, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if _, asked := set.Annotations[push.Annotation]; !asked {
		return fmt.Errorf("Argo CD is not asked to refresh %s", servicesSet)
	}
	events, err := r.admin.CoreV1().Events(controlplane.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(events.Items, func(e corev1.Event) bool { return e.Source.Component == "rights" && e.Count > 1 }) {
		return errors.New("no Event is counted")
	}
	return nil
}

// complaints collects errors and log lines, of those that are about rights.
type complaints struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (c *complaints) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte("forbidden")) && !bytes.Contains(line, []byte("HTTP 403")) {
		return len(line), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.Write(line)
}

func (c *complaints) add(err error) {
	if err != nil {
		fmt.Fprintln(c, err)
	}
}

func (c *complaints) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.String()
}

// allowed asks the API server what the service account may do.
func (r *rights) allowed(verb, group, resource, name string) bool {
	r.Helper()
	review, err := r.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(r.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: controlplane.Namespace, Verb: verb, Group: group, Resource: resource, Name: name,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return review.Status.Allowed
}

// become gives the Role other rules, and waits until they hold.
func (r *rights) become(rules []rbacv1.PolicyRule, holds func() bool) {
	r.Helper()
	roles := r.admin.RbacV1().Roles(controlplane.Namespace)
	role, err := roles.Get(r.Context(), generatorRole, metav1.GetOptions{})
	if err == nil {
		role.Rules = rules
		_, err = roles.Update(r.Context(), role, metav1.UpdateOptions{})
	}
	if err != nil {
		r.Fatal(err)
	}
	r.until("the Role holds", func(context.Context) error {
		if !holds() {
			return errors.New("not yet")
		}
		return nil
	})
}

func TestTheGeneratorWorksWithExactlyItsRoleAndSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{StagingOnly: true})
	r := newRights(s)
	// Those of the example, without which nothing is let in, and that of the Application web.
	for _, project := range []string{"platform", "payments-team", "rights"} {
		s.must(s.Staging.Create(t.Context(), &v1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: project}}))
	}
	role, err := r.admin.RbacV1().Roles(controlplane.Namespace).Get(t.Context(), generatorRole, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text := r.complaints(nil); text != "" {
		t.Errorf("with its Role it complains:\n%s", text)
	}
	r.nothingMore(role.Rules)
	for i, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			group, resource, name := rule.APIGroups[0], rule.Resources[0], ""
			if len(rule.ResourceNames) > 0 {
				name = rule.ResourceNames[0]
			}
			t.Run(strings.Join([]string{verb, resource, name}, " "), func(t *testing.T) {
				less := *r
				s := *r.suite
				s.T = t
				less.suite = &s
				rules := make([]rbacv1.PolicyRule, len(role.Rules))
				for j := range role.Rules {
					role.Rules[j].DeepCopyInto(&rules[j])
				}
				rules[i].Verbs = slices.DeleteFunc(rules[i].Verbs, func(v string) bool { return v == verb })
				if len(rules[i].Verbs) == 0 {
					rules = slices.Delete(rules, i, i+1)
				}
				less.become(rules, func() bool { return !less.allowed(verb, group, resource, name) })
				// Whatever the generator does not need, it does not complain of.
				said := func(text string) bool { return names(text, verb, resource) }
				if text := less.complaints(said); !said(text) {
					t.Errorf("nobody says what is missing:\n%s", text)
				}
				less.become(role.Rules, func() bool { return less.allowed(verb, group, resource, name) })
			})
		}
	}
}

// names tells whether a complaint says which right is missing. The API server does, but for watches.
func names(text, verb, resource string) bool {
	text = strings.ReplaceAll(text, `\"`, `"`)
	if verb != "watch" {
		return strings.Contains(text, fmt.Sprintf("cannot %s resource %q", verb, resource))
	}
	return slices.ContainsFunc(strings.Split(strings.ToLower(text), "\n"), func(line string) bool {
		what, _, watched := strings.Cut(line, " may not be watched (http 403)")
		return watched && strings.Contains(what, strings.TrimSuffix(resource, "s")) && strings.Contains(line, "manifests/generator-rbac.yaml")
	})
}

// nothingMore asks the API server for rights that the Role does not name.
func (r *rights) nothingMore(rules []rbacv1.PolicyRule) {
	r.Helper()
	verbs := []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	granted := func(verb, group, resource string) bool {
		return slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
			return len(rule.ResourceNames) == 0 && rule.APIGroups[0] == group && rule.Resources[0] == resource && slices.Contains(rule.Verbs, verb)
		})
	}
	for _, kind := range []struct{ group, resource string }{
		{"", "secrets"}, {"", "configmaps"}, {"", "pods"}, {"", "events"}, {"apps", "deployments"}, {"coordination.k8s.io", "leases"},
		{"argoproj.io", "applications"}, {"argoproj.io", "applicationsets"}, {"argoproj.io", "appprojects"}, {"rbac.authorization.k8s.io", "roles"},
	} {
		for _, verb := range verbs {
			if want := granted(verb, kind.group, kind.resource); r.allowed(verb, kind.group, kind.resource, "") != want {
				r.Errorf("%s %s is allowed: %t", verb, kind.resource, !want)
			}
		}
	}
}
