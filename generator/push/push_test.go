package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/fake"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/push"
)

// argocd is the ApplicationSet controller, which asks when an annotation has a new value, and the generator, whose replicas
// know of a world of one number. The API server is client-go's fake one.
type argocd struct {
	t      *testing.T
	client *fake.Clientset
	pusher *push.Pusher
	start  time.Time

	mu sync.Mutex
	// wanted and served are this replica's answers.
	wanted, served map[string]string
	err            error
	// deaf is a controller that does not work; elsewhere is one whose connection goes to another replica.
	deaf, elsewhere bool
	refuses         error
	values          map[string]bool
	// patches are when which ApplicationSet was patched.
	patches []string
}

func run(t *testing.T, sets []string, test func(*argocd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &argocd{t: t, client: fake.NewSimpleClientset(), start: time.Now(),
			wanted: map[string]string{}, served: map[string]string{}, values: map[string]bool{}}
		for _, name := range sets {
			if err := a.client.Tracker().Add(&v1alpha1.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name}}); err != nil {
				t.Fatal(err)
			}
			a.wanted[name], a.served[name] = "one", "one"
		}
		a.client.PrependReactor("patch", "applicationsets", a.patch)
		a.pusher = push.New(push.Options{Client: a.client, Namespace: "argocd", Answers: a, ApplicationSets: func() []live.ApplicationSet {
			var out []live.ApplicationSet
			for _, name := range sets {
				out = append(out, live.ApplicationSet{Name: name})
			}
			return out
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); a.pusher.Run(ctx) }()
		// What it has answered before it led says nothing of what Argo CD has got since: it asks for all once.
		a.after(time.Minute)
		if got := a.patched(); len(got) != len(sets) {
			t.Errorf("a leader that begins has refreshed %v", got)
		}
		a.mu.Lock()
		a.start = time.Now().Add(-time.Second)
		a.mu.Unlock()
		test(a)
		cancel()
		<-done
	})
}

func (a *argocd) Wanted(_ context.Context, name string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted[name], a.err
}

func (a *argocd) Served(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.served[name]
}

func (a *argocd) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	asked := action.(clienttesting.PatchAction)
	var patch struct {
		Metadata struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(asked.GetPatch(), &patch); err != nil || asked.GetPatchType() != types.MergePatchType {
		a.t.Errorf("%s %s: %v", asked.GetPatchType(), asked.GetPatch(), err)
	}
	value := patch.Metadata.Annotations["argocd.argoproj.io/application-set-refresh"]
	a.mu.Lock()
	defer a.mu.Unlock()
	if value == "" || a.values[value] {
		a.t.Errorf("the value %q is not new, so Argo CD would not look", value)
	}
	a.values[value] = true
	a.patches = append(a.patches, fmt.Sprintf("%s %s", time.Since(a.start).Round(time.Millisecond), asked.GetName()))
	if a.refuses != nil {
		return true, nil, a.refuses
	}
	if !a.deaf && !a.elsewhere {
		a.served[asked.GetName()] = a.wanted[asked.GetName()]
		go a.pusher.Answered(asked.GetName())
	}
	annotations := map[string]string{}
	if a.deaf {
		annotations[push.Annotation] = value
	}
	set := &v1alpha1.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: asked.GetName(), Annotations: annotations}}
	return true, set, a.client.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("applicationsets"), set, "argocd")
}

// want changes what ApplicationSets would be answered.
func (a *argocd) want(digest string, names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		a.wanted[name] = digest
	}
}

func (a *argocd) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// patched takes the patches so far.
func (a *argocd) patched() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.patches
	a.patches = nil
	return out
}

func (a *argocd) expect(want ...string) {
	a.t.Helper()
	if diff := cmp.Diff(want, a.patched()); diff != "" {
		a.t.Errorf("-want +got:\n%s", diff)
	}
}

// metric is the value of a metric; result may be empty.
func (a *argocd) metric(name, result string) float64 {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(a.pusher.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		a.t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			switch {
			case family.GetName() != "tidegate_generator_"+name:
			case metric.GetHistogram() != nil:
				return float64(metric.GetHistogram().GetSampleCount())
			case result == "":
				return metric.GetGauge().GetValue()
			case metric.GetLabel()[0].GetValue() == result:
				return metric.GetCounter().GetValue()
			}
		}
	}
	a.t.Fatalf("no metric %s %s", name, result)
	return 0
}

func TestOnlyWhoseAnswerChangesIsRefreshedAndOnce(t *testing.T) {
	run(t, []string{"a", "b", "c"}, func(a *argocd) {
		a.expect()
		a.want("two", "b")
		a.pusher.Changed()
		a.after(100 * time.Millisecond)
		a.expect()
		// Ten more changes before the first one is looked at are one.
		for range 10 {
			a.pusher.Changed()
		}
		a.after(time.Hour)
		a.expect("1.5s b")
		a.pusher.Changed()
		a.pusher.Changed("c")
		a.after(time.Hour)
		a.expect()
		if a.metric("pushes_total", "asked") != 4 || a.metric("pushes_pending", "") != 0 || a.metric("push_duration_seconds", "") != 4 {
			t.Error("the metrics count otherwise")
		}
	})
}

func TestAStreamOfChangesDelaysNoRefresh(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.want("two", "a")
		for range 100 {
			a.pusher.Changed()
			a.after(50 * time.Millisecond)
		}
		a.expect("1.5s a")
	})
}

func TestARefreshIsRepeatedUntilArgoCDHasAskedAndLessOften(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.deaf = true
		a.want("two", "a")
		a.pusher.Changed()
		a.after(10 * time.Minute)
		a.expect("1.5s a", "3.5s a", "7.5s a", "15.5s a", "31.5s a", "1m3.5s a", "2m7.5s a", "4m15.5s a", "7m15.5s a")
		if a.metric("pushes_pending", "") != 1 {
			t.Error("a refresh that nobody answers is not pending")
		}
		a.mu.Lock()
		a.deaf = false
		a.mu.Unlock()
		a.after(time.Hour)
		a.expect("10m15.5s a")
		if a.metric("pushes_pending", "") != 0 {
			t.Error("a refresh that was answered is pending")
		}
	})
}

func TestChangesWhileNobodyAsksDoNotMultiplyRefreshes(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.deaf = true
		for i := range 600 {
			a.want(fmt.Sprint("answer", i), "a")
			a.pusher.Changed()
			a.after(100 * time.Millisecond)
		}
		// One in two seconds, and no fewer: each may be for an answer that nobody was told of.
		if got := len(a.patched()); got < 25 || got > 31 {
			t.Errorf("%d refreshes within a minute", got)
		}
	})
}

func TestWhatOtherReplicasAnswerIsRepeatedOnlyForAWhile(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.elsewhere = true
		a.want("two", "a")
		a.pusher.Changed()
		a.after(time.Hour)
		a.pusher.Changed()
		a.after(time.Hour)
		a.expect("1.5s a", "3.5s a", "7.5s a", "15.5s a", "31.5s a", "1m3.5s a", "2m7.5s a", "4m15.5s a")
		if a.metric("pushes_pending", "") != 0 {
			t.Error("it is still pending")
		}
		a.want("three", "a")
		a.pusher.Changed()
		a.after(time.Second)
		a.expect("2h0m1.5s a")
	})
}

func TestWhatIsTakenBackAfterAnotherReplicaHasAnsweredIsRefreshedToo(t *testing.T) {
	run(t, []string{"services"}, func(a *argocd) {
		refreshed := func(digest string) int {
			a.want(digest, "services")
			a.pusher.Changed()
			a.after(20 * time.Minute)
			return len(a.patched())
		}
		a.elsewhere = true
		if refreshed("two") == 0 || refreshed("one") == 0 {
			t.Error("Argo CD keeps what another replica has answered")
		}
		a.mu.Lock()
		a.elsewhere = false
		a.mu.Unlock()
		if first, second := refreshed("two"), refreshed("two"); first != 1 || second != 0 {
			t.Errorf("refreshed %d and %d times where this replica has answered", first, second)
		}
	})
}

func TestWithoutAnAnswerNobodyIsAskedToComeForIt(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.mu.Lock()
		a.err = errors.New("the repository is in doubt")
		a.mu.Unlock()
		a.want("two", "a")
		a.pusher.Changed()
		a.after(time.Hour)
		a.expect()
		a.mu.Lock()
		a.err = nil
		a.mu.Unlock()
		a.pusher.Changed()
		a.after(time.Second)
		a.expect("1h0m1.5s a")
	})
}

func TestAnAPIServerThatRefusesIsAskedAgain(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.mu.Lock()
		a.refuses = apierrors.NewForbidden(v1alpha1.Resource("applicationsets"), "a", nil)
		a.mu.Unlock()
		a.want("two", "a")
		a.pusher.Changed()
		a.after(time.Second)
		a.mu.Lock()
		a.refuses = nil
		a.mu.Unlock()
		a.after(time.Hour)
		a.expect("1.5s a", "3.5s a")
		if a.metric("pushes_total", "failed") != 1 {
			t.Error("the failure is not counted")
		}
	})
}

func TestAnApplicationSetThatIsGoneIsForgotten(t *testing.T) {
	run(t, []string{"a"}, func(a *argocd) {
		a.mu.Lock()
		a.refuses = apierrors.NewNotFound(v1alpha1.Resource("applicationsets"), "a")
		a.mu.Unlock()
		a.want("two", "a")
		a.pusher.Changed("a", "never-there")
		a.after(time.Hour)
		a.expect("1.5s a")
	})
}

func TestEightyRefreshesAtOnceAreSpread(t *testing.T) {
	var names []string
	for i := range 80 {
		names = append(names, fmt.Sprintf("set-%02d", i))
	}
	run(t, names, func(a *argocd) {
		a.want("two", names...)
		a.pusher.Changed()
		a.after(600 * time.Millisecond)
		if got := len(a.patched()); got < 40 || got > 43 {
			t.Errorf("%d refreshes at once", got)
		}
		a.after(2 * time.Second)
		if got := len(a.patched()); got < 37 || got > 40 {
			t.Errorf("%d refreshes in the two seconds after", got)
		}
	})
}

// What the replica that led before has had answered may have been taken back meanwhile: the new leader's own last answer is
// the wanted one, and not what Argo CD has.
func TestANewLeaderRefreshesWhatItCannotKnowToHaveBeenAnswered(t *testing.T) {
	run(t, []string{"a", "b"}, func(a *argocd) {
		second := push.New(push.Options{Client: a.client, Namespace: "argocd", Answers: a,
			ApplicationSets: func() []live.ApplicationSet {
				return []live.ApplicationSet{{Name: "a"}, {Name: "b"}, {Name: "ending", Deleting: true}}
			}})
		a.want("two", "b", "ending")
		second.Changed()
		a.after(time.Minute)
		a.expect()
		ctx, cancel := context.WithCancel(a.t.Context())
		done := make(chan struct{})
		a.mu.Lock()
		a.pusher = second // of the replica that Argo CD reaches
		a.mu.Unlock()
		go func() { defer close(done); second.Run(ctx) }()
		a.after(time.Minute)
		cancel()
		<-done
		got := a.patched()
		slices.SortFunc(got, func(x, y string) int { return strings.Compare(x[len(x)-1:], y[len(y)-1:]) })
		if len(got) != 2 || !strings.HasSuffix(got[0], " a") || !strings.HasSuffix(got[1], " b") {
			t.Errorf("%v, and not each one once", got)
		}
		second.Changed()
		second.Answered("a")
	})
}
