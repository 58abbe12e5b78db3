package supersede_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	jsonpatch "github.com/evanphx/json-patch"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator/supersede"
)

var applications = v1alpha1.SchemeGroupVersion.WithResource("applications")

// argocd is one Application in an API server, the application controller that works on it, and a Releaser. The API server
// is client-go's fake one, with the resource versions and conflicts it lacks; the controller does what Argo CD's does with
// an operation, copied from controller/appcontroller.go. test/e2e shows the same on a real control plane.
type argocd struct {
	t        *testing.T
	client   *fake.Clientset
	releaser *supersede.Releaser
	events   *record.FakeRecorder
	registry *prometheus.Registry
	stop     context.CancelFunc
	done     chan struct{}

	mutex     sync.Mutex // of what follows
	newest    string
	differs   func(from, to string) (bool, error)
	older     string // a revision that follows no other
	doubt     string
	beyond    string // a merge patch with what a newer Argo CD has of the Application, and the types here have not
	windows   v1alpha1.SyncWindows
	patches   []string // by the Releaser
	beforeUse func()   // runs once, before the Releaser's next patch arrives
}

func run(t *testing.T, app *v1alpha1.Application, prepare func(*argocd), test func(*argocd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &argocd{
			t: t, client: fake.NewSimpleClientset(app), events: record.NewFakeRecorder(100), newest: repair,
			differs: func(from, to string) (bool, error) { return from != to, nil },
		}
		a.client.PrependReactor("patch", "applications", a.patch)
		if prepare != nil {
			prepare(a)
		}
		a.lead()
		test(a)
		a.resign()
	})
}

// lead starts a Releaser that knows nothing but what it is told from now on.
func (a *argocd) lead() {
	a.registry = prometheus.NewRegistry()
	a.releaser = supersede.New(supersede.Options{
		Policy: policy, Client: a.client, Repository: a, Projects: a, Events: a.events, Live: a.raw,
		Metrics: supersede.NewMetrics(a.registry), Log: slog.New(slog.DiscardHandler),
	})
	a.start()
	a.releaser.Seen(a.live())
}

// start has the Releaser act.
func (a *argocd) start() {
	ctx, stop := context.WithCancel(a.t.Context())
	done := make(chan struct{})
	a.stop, a.done = stop, done
	releaser := a.releaser
	go func() {
		defer close(done)
		if err := releaser.Run(ctx); !errors.Is(err, context.Canceled) {
			a.t.Error(err)
		}
	}()
}

func (a *argocd) resign() {
	a.stop()
	<-a.done
}

// set changes what the Releaser may be reading.
func (a *argocd) set(change func()) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	change()
}

func (a *argocd) Newest(string, string) string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.newest
}

func (a *argocd) Doubt() string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.doubt
}

func (a *argocd) Descends(_ context.Context, revision, of string) (bool, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return revision == of || revision != a.older, nil
}

func (a *argocd) Differs(_ context.Context, from, to string, folders []string) (bool, error) {
	if strings.Join(folders, " ") != "services/payments-api services/payments-api/overlays/staging" {
		a.t.Errorf("asked for %v", folders)
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.differs(from, to)
}

func (a *argocd) Windows(context.Context, string) (v1alpha1.SyncWindows, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.windows, nil
}

// live is the Application as it is now. It is read from the tracker: the fake client holds a lock during a patch.
func (a *argocd) live() *v1alpha1.Application {
	object, err := a.client.Tracker().Get(applications, "argocd", "payments-api-staging")
	if err != nil {
		a.t.Fatal(err)
	}
	return object.(*v1alpha1.Application).DeepCopy()
}

// raw is the Application as it is in the API server.
func (a *argocd) raw(_ context.Context, namespace, name string) ([]byte, error) {
	object, err := a.client.Tracker().Get(applications, namespace, name)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(object)
	if err != nil || a.beyond == "" {
		return body, err
	}
	return jsonpatch.MergePatch(body, []byte(a.beyond))
}

// patch is the API server's merge patch: a resource version in it that is not the current one is a conflict.
func (a *argocd) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	asked := action.(clienttesting.PatchAction)
	if asked.GetPatchType() != types.MergePatchType {
		a.t.Errorf("a patch of type %s", asked.GetPatchType())
	}
	var before func()
	a.set(func() {
		before, a.beforeUse = a.beforeUse, nil
		a.patches = append(a.patches, string(asked.GetPatch()))
	})
	if before != nil {
		before()
	}
	app, err := a.apply(asked.GetPatch())
	return true, app, err
}

func (a *argocd) apply(patch []byte) (*v1alpha1.Application, error) {
	current := a.live()
	var meta struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(patch, &meta); err != nil {
		return nil, err
	}
	if version := meta.Metadata.ResourceVersion; version != "" && version != current.ResourceVersion {
		return nil, apierrors.NewConflict(v1alpha1.Resource("applications"), current.Name, errors.New("it has changed"))
	}
	before, err := json.Marshal(current)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return nil, err
	}
	app := &v1alpha1.Application{}
	if err := json.Unmarshal(after, app); err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(current.ResourceVersion)
	if err != nil {
		return nil, err
	}
	app.ResourceVersion = strconv.Itoa(version + 1)
	if err := a.client.Tracker().Update(applications, app, app.Namespace); err != nil {
		return nil, err
	}
	a.releaser.Seen(app)
	return app, nil
}

// changes are what others than the Releaser change, without regard to resource versions.
func (a *argocd) changes(patch map[string]any) {
	a.t.Helper()
	body, err := json.Marshal(patch)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.apply(body); err != nil {
		a.t.Fatal(err)
	}
}

func (a *argocd) status(patch map[string]any) { a.changes(map[string]any{"status": patch}) }

// setOperationState is the controller's: a merge patch of the whole state, which clears the operation at the end.
func (a *argocd) setOperationState(state *v1alpha1.OperationState) {
	patch := map[string]any{"status": map[string]any{"operationState": state}}
	if state.Phase.Completed() {
		now := metav1.Now()
		state.FinishedAt = &now
		patch["operation"] = nil
	}
	a.changes(patch)
}

// fails is a sync that was under way and fails now, whatever was written in the meantime: it is retried.
func (a *argocd) fails(before *v1alpha1.OperationState) {
	state := before.DeepCopy()
	now := metav1.Now()
	state.FinishedAt, state.Phase, state.RetryCount = &now, common.OperationRunning, state.RetryCount+1
	state.Message = "one or more synchronization tasks completed unsuccessfully. Retrying attempt #1"
	a.setOperationState(state)
}

// terminates is what becomes of a Terminating operation.
func (a *argocd) terminates() {
	a.t.Helper()
	state := a.live().Status.OperationState
	if state.Phase != common.OperationTerminating {
		a.t.Fatalf("the operation is %s", state.Phase)
	}
	state.Phase, state.Message = common.OperationFailed, "Operation terminated"
	a.setOperationState(state)
}

// said takes the Events that were recorded.
func (a *argocd) said() []string {
	var out []string
	for len(a.events.Events) > 0 {
		out = append(out, <-a.events.Events)
	}
	return out
}

func (a *argocd) written() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return len(a.patches)
}

// metric is the value of a metric; outcome may be empty.
func (a *argocd) metric(name, outcome string) float64 {
	families, err := a.registry.Gather()
	if err != nil {
		a.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() != "tidegate_generator_"+name {
				continue
			}
			if outcome == "" {
				return metric.GetGauge().GetValue()
			}
			if metric.GetLabel()[0].GetValue() == outcome {
				return metric.GetCounter().GetValue()
			}
		}
	}
	a.t.Fatalf("no metric %s %s", name, outcome)
	return 0
}
