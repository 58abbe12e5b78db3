package live_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin/manifest"
)

var created = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func plugin(configMap string) *v1alpha1.PluginGenerator {
	return &v1alpha1.PluginGenerator{ConfigMapRef: v1alpha1.PluginConfigMapRef{Name: configMap}}
}

func set(name string, generators ...v1alpha1.ApplicationSetGenerator) *v1alpha1.ApplicationSet {
	return &v1alpha1.ApplicationSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "1",
			Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "kept": "yes"}},
		Spec:   v1alpha1.ApplicationSetSpec{Generators: generators},
		Status: v1alpha1.ApplicationSetStatus{Resources: make([]v1alpha1.ResourceStatus, 2000)},
	}
}

var ours = v1alpha1.ApplicationSetGenerator{Plugin: plugin("tidegate-generator")}

// app is an Application as Argo CD has it while its first sync waits.
func app(name, owner string) *v1alpha1.Application {
	return &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "argocd", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "1",
			CreationTimestamp: metav1.NewTime(created),
			Labels:            map[string]string{params.EnvironmentLabel: "staging"},
			Annotations:       map[string]string{params.Annotation: `{"name":"` + name + `"}`, corev1.LastAppliedConfigAnnotation: "{}"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Name: owner,
				UID: types.UID("uid-" + owner), Controller: ptr.To(true)}},
			ManagedFields: []metav1.ManagedFieldsEntry{
				{Manager: "argocd-application-controller", Time: ptr.To(metav1.NewTime(created.Add(time.Hour))), FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:status":{}}`)}},
				{Manager: "argocd-applicationset-controller", Time: ptr.To(metav1.NewTime(created.Add(time.Minute))), FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:metadata":{"f:annotations":{"f:tidegate.dev/parameters":{}}}}`)}},
				{Manager: "kubectl-create", Time: ptr.To(metav1.NewTime(created)), FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:metadata":{"f:annotations":{"f:tidegate.dev/parameters":{}}}}`)}},
			},
		},
		Spec: v1alpha1.ApplicationSpec{
			Project:     "payments",
			Source:      &v1alpha1.ApplicationSource{RepoURL: "https://git.example.com/platform.git", Path: "services/" + name},
			Destination: v1alpha1.ApplicationDestination{Server: "https://kubernetes.default.svc", Namespace: "payments"},
			SyncPolicy:  &v1alpha1.SyncPolicy{Automated: &v1alpha1.SyncPolicyAutomated{}},
		},
		Status: v1alpha1.ApplicationStatus{
			ReconciledAt:   ptr.To(metav1.NewTime(created)),
			Sync:           v1alpha1.SyncStatus{Status: v1alpha1.SyncStatusCodeOutOfSync},
			Health:         v1alpha1.HealthStatus{Status: health.HealthStatusProgressing},
			OperationState: &v1alpha1.OperationState{Phase: common.OperationRunning},
			Resources:      []v1alpha1.ResourceStatus{{Kind: "Service", Namespace: "payments", Name: name}, {Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "payments", Name: name}},
		},
	}
}

// kept is what is known of app(name, …).
func kept(name string) live.Application {
	return live.Application{
		Name: name, UID: "uid-" + name, ResourceVersion: "1", Parameters: `{"name":"` + name + `"}`,
		Labels: map[string]string{params.EnvironmentLabel: "staging"}, Created: created, Written: created.Add(time.Minute),
		Automated: true, Reconciled: true, OperationRunning: true, Sync: "OutOfSync", Health: "Progressing", Project: "payments",
		DestinationServer: "https://kubernetes.default.svc", DestinationNamespace: "payments", Path: "services/" + name,
		Resources: slices.Sorted(slices.Values([]uint64{
			manifest.ID{Kind: "Service", Namespace: "payments", Name: name}.Hash(), manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "payments", Name: name}.Hash(),
		})),
	}
}

// running reads from client-go's fake API server until it knows everything.
func running(t *testing.T, client *fake.Clientset, options live.Options) *live.Live {
	t.Helper()
	options.Client, options.Namespace = client, "argocd"
	l := live.New(options)
	changed := make(chan struct{}, 1)
	l.Notify(changed)
	before := watches(client)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	// The fake API server forgets what happens between a list and its watch.
	wait(t, changed, func() bool { return l.State().Synced && l.Projects() != nil && watches(client) >= before+3 })
	return l
}

func watches(client *fake.Clientset) int {
	return len(slices.DeleteFunc(client.Actions(), func(a clienttesting.Action) bool { return a.GetVerb() != "watch" }))
}

// wait waits for changes until something holds.
func wait(t *testing.T, changed <-chan struct{}, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-changed:
		case <-again.C:
		case <-deadline:
			t.Fatal("it never came")
		}
	}
}

func TestWhatIsDecidedByIsKeptHoweverItWasRead(t *testing.T) {
	manual := app("manual", "services")
	manual.Spec.SyncPolicy, manual.Status = nil, v1alpha1.ApplicationStatus{}
	manual.DeletionTimestamp = ptr.To(metav1.Now())
	asked := app("asked", "services")
	asked.Status.OperationState, asked.Operation = nil, &v1alpha1.Operation{}
	ended := app("ended", "services")
	ended.Status.OperationState.Phase = common.OperationSucceeded
	orphan := app("orphan", "services")
	orphan.OwnerReferences[0].Controller = nil
	parent := app("of-an-application", "parent")
	parent.OwnerReferences[0].Kind = "Application"
	client := fake.NewSimpleClientset(set("services", ours), parent, app("web", "services"), manual, asked, ended, orphan, app("foreign", "others"))
	l := running(t, client, live.Options{})

	wantManual, wantEnded := kept("manual"), kept("ended")
	wantManual.Deleting, wantManual.Resources = true, nil
	wantManual.Automated, wantManual.Reconciled, wantManual.OperationRunning, wantManual.Sync, wantManual.Health = false, false, false, "", ""
	wantEnded.OperationRunning = false
	want := []live.Application{kept("asked"), wantEnded, wantManual, kept("web")}

	listed, err := l.Applications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, listed.Of("services")); diff != "" {
		t.Errorf("listed: -want +got:\n%s", diff)
	}
	seen, trusted := l.Seen("services")
	if diff := cmp.Diff(want, seen); diff != "" || !trusted {
		t.Errorf("seen, trusted %t: -want +got:\n%s", trusted, diff)
	}
	taken := map[string]string{"foreign": "others", "of-an-application": "Application/parent"}
	if diff := cmp.Diff(taken, l.Taken("services")); diff != "" {
		t.Errorf("taken: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(taken, listed.Taken("services")); diff != "" {
		t.Errorf("taken, listed: -want +got:\n%s", diff)
	}
}

// TestWhatArgoCDWouldDeleteIsWhatIsSeen has the cases of appControllerIndexer, by which Argo CD finds what to delete.
func TestWhatArgoCDWouldDeleteIsWhatIsSeen(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*metav1.OwnerReference)
		isOurs bool
		taken  string
	}{
		{"as Argo CD writes it", func(*metav1.OwnerReference) {}, true, ""},
		{"of one of this name that was deleted and made anew", func(r *metav1.OwnerReference) { r.UID = "earlier" }, true, ""},
		{"of another name", func(r *metav1.OwnerReference) { r.Name = "others" }, false, "others"},
		{"of another version", func(r *metav1.OwnerReference) { r.APIVersion = "argoproj.io/v1beta1" }, false, ""},
		{"of another group", func(r *metav1.OwnerReference) { r.APIVersion = "example.com/v1alpha1" }, false, "ApplicationSet/services"},
		{"of another kind", func(r *metav1.OwnerReference) { r.Kind = "Application" }, false, "Application/services"},
		{"no controller", func(r *metav1.OwnerReference) { r.Controller = nil }, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			web := app("web", "services")
			test.change(&web.OwnerReferences[0])
			l := running(t, fake.NewSimpleClientset(set("services", ours), web), live.Options{})
			listed, err := l.Applications(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seen, _ := l.Seen("services")
			if len(seen) == 1 != test.isOurs || len(listed.Of("services")) == 1 != test.isOurs {
				t.Errorf("seen %v, listed %v", seen, listed.Of("services"))
			}
			if by := l.Taken("services")["web"]; by != test.taken || listed.Taken("services")["web"] != by {
				t.Errorf("taken by %q, listed %q", by, listed.Taken("services")["web"])
			}
		})
	}
}

func TestWhatDoesNotKnowApplicationSetsIsNoProofThatThereIsNone(t *testing.T) {
	for _, test := range []struct {
		name, contentType, body string
		absent                  bool
	}{
		{"a page that is not found", "text/plain", "404 page not found", false},
		{"a proxy's page", "text/html", "<h1>Not Found</h1>", false},
		{"the API server says so", "application/json", `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,` +
			`"details":{"name":"services","group":"argoproj.io","kind":"applicationsets"},"message":"applicationsets.argoproj.io \"services\" not found"}`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			client, err := versioned.NewForConfig(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			found, err := live.New(live.Options{Client: client, Namespace: "argocd"}).ApplicationSet(t.Context(), "services")
			if found != nil || (err == nil) != test.absent {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
}

func TestOnlyApplicationSetsThatAskThisGeneratorAreOurs(t *testing.T) {
	nested := v1alpha1.ApplicationSetNestedGenerator{Plugin: plugin("tidegate-generator")}
	other := v1alpha1.ApplicationSetNestedGenerator{List: &v1alpha1.ListGenerator{}}
	deep, err := json.Marshal(map[string]any{"generators": []any{map[string]any{"plugin": map[string]any{"configMapRef": map[string]any{"name": "tidegate-generator"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewSimpleClientset(
		set("top", ours),
		set("second", v1alpha1.ApplicationSetGenerator{List: &v1alpha1.ListGenerator{}}, ours),
		set("matrix", v1alpha1.ApplicationSetGenerator{Matrix: &v1alpha1.MatrixGenerator{Generators: []v1alpha1.ApplicationSetNestedGenerator{other, nested}}}),
		set("merge", v1alpha1.ApplicationSetGenerator{Merge: &v1alpha1.MergeGenerator{Generators: []v1alpha1.ApplicationSetNestedGenerator{nested}}}),
		set("deep-matrix", v1alpha1.ApplicationSetGenerator{Merge: &v1alpha1.MergeGenerator{
			Generators: []v1alpha1.ApplicationSetNestedGenerator{{Matrix: &apiextensionsv1.JSON{Raw: deep}}}}}),
		set("deep-merge", v1alpha1.ApplicationSetGenerator{Matrix: &v1alpha1.MatrixGenerator{
			Generators: []v1alpha1.ApplicationSetNestedGenerator{{Merge: &apiextensionsv1.JSON{Raw: deep}}}}}),
		set("another-plugin", v1alpha1.ApplicationSetGenerator{Plugin: plugin("somebody-elses")}),
		set("another-deep-plugin", v1alpha1.ApplicationSetGenerator{Matrix: &v1alpha1.MatrixGenerator{Generators: []v1alpha1.ApplicationSetNestedGenerator{other}}}),
		set("no-generator"),
	)
	l := running(t, client, live.Options{})
	var names []string
	for _, found := range l.ApplicationSets() {
		names = append(names, found.Name)
		if diff := cmp.Diff(map[string]string{"kept": "yes"}, found.Annotations); diff != "" {
			t.Errorf("annotations: -want +got:\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"deep-matrix", "deep-merge", "matrix", "merge", "second", "top"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	l = running(t, client, live.Options{ConfigMaps: []string{"somebody-elses"}})
	if sets := l.ApplicationSets(); len(sets) != 1 || sets[0].Name != "another-plugin" {
		t.Errorf("%v", sets)
	}
}

func TestAMissingApplicationSetIsNoErrorAndAnUnreadableOneIs(t *testing.T) {
	client := fake.NewSimpleClientset(set("services", ours))
	l := running(t, client, live.Options{})
	if found, err := l.ApplicationSet(t.Context(), "preview"); found != nil || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	found, err := l.ApplicationSet(t.Context(), "services")
	if err != nil || found.UID != "uid-services" || len(found.Spec.Generators) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	client.PrependReactor("*", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(v1alpha1.Resource("applicationsets"), "services", nil)
	})
	if _, err := l.ApplicationSet(t.Context(), "services"); err == nil || !strings.HasPrefix(err.Error(), "ApplicationSet argocd/services: ") {
		t.Errorf("%v", err)
	}
	if _, err := l.Applications(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "listing the Applications in the namespace argocd: ") {
		t.Errorf("%v", err)
	}
	if err := l.Annotate(t.Context(), found.Name, "", map[string]*string{"one": nil, "another": nil}); err == nil || !strings.Contains(err.Error(), "writing the annotations another, one") {
		t.Errorf("%v", err)
	}
}

func TestOnlyWhatMattersOfAnApplicationWakesAnybody(t *testing.T) {
	client := fake.NewSimpleClientset(set("services", ours), app("web", "services"))
	l := running(t, client, live.Options{})
	changed := make(chan struct{}, 1)
	l.Notify(changed)
	version := 1
	update := func(change func(*v1alpha1.Application)) {
		t.Helper()
		version++
		next := app("web", "services")
		next.ResourceVersion = strconv.Itoa(version)
		change(next)
		if _, err := client.ArgoprojV1alpha1().Applications("argocd").Update(t.Context(), next, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		wait(t, nil, func() bool {
			seen, _ := l.Seen("services")
			return len(seen) == 1 && seen[0].ResourceVersion == next.ResourceVersion
		})
	}
	// That informers have read everything is told a little later than it is so, once.
	wait(t, nil, func() bool {
		select {
		case <-changed:
		default:
		}
		update(func(a *v1alpha1.Application) {
			a.Status.ReconciledAt = ptr.To(metav1.Now())
			a.Status.Resources = nil
		})
		// Once this one is seen, whoever the one before should have woken has been.
		update(func(*v1alpha1.Application) {})
		return len(changed) == 0
	})
	update(func(a *v1alpha1.Application) { a.Status.Health.Status = health.HealthStatusHealthy })
	wait(t, nil, func() bool { return len(changed) == 1 })
}

func TestWhoeverReleasesOperationsSeesEveryApplicationOfOursWhole(t *testing.T) {
	var mu sync.Mutex
	var seen, gone []string
	client := fake.NewSimpleClientset(set("services", ours), set("others", v1alpha1.ApplicationSetGenerator{List: &v1alpha1.ListGenerator{}}),
		app("web", "services"), app("foreign", "others"))
	running(t, client, live.Options{
		OnApplication: func(a *v1alpha1.Application) {
			mu.Lock()
			defer mu.Unlock()
			if len(a.Status.Resources) == 2 && a.Status.OperationState != nil {
				seen = append(seen, a.Name)
			}
		},
		OnGone: func(namespace, name string) {
			mu.Lock()
			defer mu.Unlock()
			gone = append(gone, namespace+"/"+name)
		},
	})
	applications := client.ArgoprojV1alpha1().Applications("argocd")
	if _, err := applications.Create(t.Context(), app("api", "services"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := applications.Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wait(t, nil, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Equal(seen, []string{"web", "api"}) && slices.Equal(gone, []string{"argocd/web"})
	})
}

func TestAnnotationsAreWrittenOnlyToTheVersionThatWasSeen(t *testing.T) {
	client := fake.NewSimpleClientset(set("services", ours))
	l := running(t, client, live.Options{})
	var patch string
	client.PrependReactor("patch", "applicationsets", func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch = string(action.(clienttesting.PatchAction).GetPatch())
		return true, nil, apierrors.NewConflict(v1alpha1.Resource("applicationsets"), "services", nil)
	})
	held := "a,b"
	err := l.Annotate(t.Context(), "services", "17", map[string]*string{admission.AcknowledgeAnnotation: nil, admission.OverLimitAnnotation: &held})
	if err != nil {
		t.Errorf("somebody else has changed it, and that is no error: %v", err)
	}
	if want := `{"metadata":{"annotations":{"` + admission.AcknowledgeAnnotation + `":null,"` + admission.OverLimitAnnotation + `":"a,b"},"resourceVersion":"17"}}`; patch != want {
		t.Errorf("want %s\n got %s", want, patch)
	}
}

func TestProjectsThatAreNotKnownAreNotNone(t *testing.T) {
	client := fake.NewSimpleClientset(&v1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "payments"}})
	l := live.New(live.Options{Client: client, Namespace: "argocd"})
	if projects := l.Projects(); projects != nil {
		t.Errorf("%v before anything was read", projects)
	}
	if seen, trusted := l.Seen("any"); trusted {
		t.Errorf("%v trusted before anything was read", seen)
	}
	l = running(t, client, live.Options{})
	if diff := cmp.Diff(map[string]bool{"payments": true}, l.Projects()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
