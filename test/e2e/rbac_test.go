//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/leader"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/generator/push"
	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

const generatorRole = "tidegate-generator"

// rights is the generator's parts, with the rights of its service account. The generator itself is not running: the test
// would have to guess what it has done.
type rights struct {
	*suite
	config *rest.Config
	kube   kubernetes.Interface
	argo   versioned.Interface
	admin  kubernetes.Interface
}

func newRights(s *suite) *rights {
	s.Helper()
	for _, file := range []string{"manifests/generator-rbac.yaml", "manifests/applicationset.yaml"} {
		if err := s.Staging.ApplyFile(s.Context(), file); err != nil {
			s.Fatal(err)
		}
	}
	var err error
	r := &rights{suite: s, config: s.Staging.ConfigFor(controlplane.ServiceAccount(generatorRole))}
	r.config.QPS = -1
	r.kube, err = kubernetes.NewForConfig(r.config)
	if err == nil {
		r.argo, err = versioned.NewForConfig(r.config)
	}
	if err == nil {
		r.admin, err = kubernetes.NewForConfig(s.Staging.Config)
	}
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// always is an answer that has changed, so that push has something to do.
type always struct{}

func (always) Wanted(context.Context, string) (string, error) { return "new", nil }
func (always) Served(string) string                           { return "old" }

// complaints is what the parts of the generator complain of when they do all that they ever do.
func (r *rights) complaints(expected bool) string {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	var out complaints
	// The first leader of all creates the Lease.
	err := r.admin.CoordinationV1().Leases(controlplane.Namespace).Delete(ctx, generatorRole, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		r.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	watched := fleet.Watch(fleet.WatchOptions{Client: r.kube, Namespace: controlplane.Namespace, Log: log})
	reads := live.New(live.Options{Client: r.argo, Namespace: controlplane.Namespace, Log: log})
	pusher := push.New(push.Options{Client: r.argo, Namespace: controlplane.Namespace, Answers: always{}, Debounce: time.Millisecond, Log: log,
		ApplicationSets: func() []live.ApplicationSet { return []live.ApplicationSet{{Name: "tidegate-services"}} }})
	election, err := leader.New(leader.Options{Client: r.kube, Namespace: controlplane.Namespace, Lease: generatorRole, Identity: "first", Log: log,
		Duration: 4 * time.Second, Renew: 2 * time.Second, Retry: 200 * time.Millisecond})
	if err != nil {
		r.Fatal(err)
	}
	led := make(chan struct{}, 1)
	var all sync.WaitGroup
	all.Go(func() { watched.Run(ctx) })
	all.Go(func() { reads.Run(ctx) })
	all.Go(func() { pusher.Run(ctx) })
	all.Go(func() {
		err := election.Run(ctx, func(ctx context.Context) { led <- struct{}{}; <-ctx.Done() })
		if !errors.Is(err, context.Canceled) {
			out.add(err)
		}
	})
	r.once(ctx, &out)
	settled := func() bool {
		return watched.State().Doubt == "" && reads.State().Doubt == "" && reads.Projects() != nil && len(led) == 1
	}
	// What has been listed is known before it is known that it may not be watched.
	for (expected || !settled()) && out.none() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	if ctx.Err() != nil {
		out.add(fmt.Errorf("after a minute: clusters %q, applications %q, leader %t", watched.State().Doubt, reads.State().Doubt, len(led) == 1))
	}
	cancel()
	all.Wait()
	return out.text()
}

// once does what is done from time to time.
func (r *rights) once(ctx context.Context, out *complaints) {
	sets, applications := r.argo.ArgoprojV1alpha1().ApplicationSets(controlplane.Namespace), r.argo.ArgoprojV1alpha1().Applications(controlplane.Namespace)
	reads := live.New(live.Options{Client: r.argo, Namespace: controlplane.Namespace})
	set, err := reads.ApplicationSet(ctx, "tidegate-services")
	out.add(err)
	_, err = reads.Applications(ctx)
	out.add(err)
	if set != nil {
		out.add(reads.Annotate(ctx, set.Name, set.ResourceVersion, map[string]*string{admission.AcknowledgeAnnotation: nil}))
		_, err = sets.Patch(ctx, set.Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"tidegate.dev/test":"x"}}}`), metav1.PatchOptions{})
		out.add(err)
	}
	_, err = applications.Get(ctx, "web", metav1.GetOptions{})
	out.add(err)
	_, err = applications.Patch(ctx, "web", types.MergePatchType, []byte(`{"status":{"operationState":null},"operation":null}`), metav1.PatchOptions{})
	out.add(err)
	_, err = supersede.LiveProjects{
		Projects: r.argo.ArgoprojV1alpha1().AppProjects(controlplane.Namespace), Settings: r.kube.CoreV1().ConfigMaps(controlplane.Namespace),
	}.Windows(ctx, "rights")
	out.add(err)
	reader := &credentials.Reader{Client: r.kube, Namespace: controlplane.Namespace, Scratch: r.TempDir()}
	for _, url := range []string{"https://git.example.com/platform.git", "ssh://git@git.example.com/platform.git"} {
		// Without credentials there is no way in by SSH; only what may not be read is of interest.
		if _, err := reader.For(ctx, url); err != nil && strings.Contains(err.Error(), "forbidden") {
			out.add(err)
		}
	}
	if _, err = reader.Keys(ctx); err != nil && strings.Contains(err.Error(), "forbidden") {
		out.add(err)
	}
	_, err = r.kube.CoreV1().Secrets(controlplane.Namespace).Get(ctx, "argocd-secret", metav1.GetOptions{})
	out.add(err)
	r.event(ctx, out)
}

func (r *rights) event(ctx context.Context, out *complaints) {
	events := r.kube.CoreV1().Events(controlplane.Namespace)
	event, err := events.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: "tidegate-", Namespace: controlplane.Namespace},
		InvolvedObject: corev1.ObjectReference{Kind: "ApplicationSet", Namespace: controlplane.Namespace, Name: "tidegate-services"},
		Reason:         "Held", Type: corev1.EventTypeWarning,
	}, metav1.CreateOptions{})
	out.add(err)
	if err == nil {
		_, err = events.Patch(ctx, event.Name, types.StrategicMergePatchType, []byte(`{"count":2}`), metav1.PatchOptions{})
		out.add(err)
	}
}

// complaints collects errors and log lines.
type complaints struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (c *complaints) Write(line []byte) (int, error) {
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

func (c *complaints) none() bool { return c.text() == "" }

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
	s := start(t, controlplane.Options{})
	r := newRights(s)
	for _, object := range []client.Object{
		&v1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: "rights"}},
		&v1alpha1.Application{
			ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: "web"},
			Spec:       v1alpha1.ApplicationSpec{Project: "rights", Source: &v1alpha1.ApplicationSource{RepoURL: "https://git.example.com/platform.git", Path: "."}},
		},
	} {
		if err := s.Staging.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	role, err := r.admin.RbacV1().Roles(controlplane.Namespace).Get(t.Context(), generatorRole, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text := r.complaints(false); text != "" {
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
				text := less.complaints(true)
				if !names(text, verb, resource) {
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
