package guard_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// another is an Application that another replica has let in from a revision that this one does not have, or not any more.
func (w *world) another(t *testing.T, name string, created time.Time) {
	t.Helper()
	at := slices.IndexFunc(w.apps, func(a live.Application) bool { return strings.HasSuffix(a.Name, name[strings.Index(name, "-"):]) })
	service, _, _ := strings.Cut(name, "-")
	old, _, _ := strings.Cut(w.apps[at].Name, "-")
	app := w.apps[at]
	app.Name, app.UID, app.Created, app.Reconciled = name, "uid-"+name, created, false
	app.Parameters = strings.ReplaceAll(strings.ReplaceAll(app.Parameters, `"`+old+`"`, `"`+service+`"`), old+"-", service+"-")
	app.Parameters = strings.ReplaceAll(app.Parameters, "services/"+old+"/", "services/"+service+"/")
	app.Path, app.DestinationNamespace = strings.ReplaceAll(app.Path, "/"+old+"/", "/"+service+"/"), service
	w.apps = append(slices.Clone(w.apps), app)
	slices.SortFunc(w.apps, func(a, b live.Application) int { return strings.Compare(a.Name, b.Name) })
}

func TestWhatAnInformerHasMissedIsNotDeleted(t *testing.T) {
	for _, remembered := range []bool{true, false} {
		w := newWorld(t, "api", "web")
		g := w.guard(&said{})
		w.answered(t, g)
		if remembered {
			w.answered(t, g)
		}
		// A watch goes silent; another replica lets an Application in; its overlay goes again, or is not known here yet.
		w.seen, w.lags = w.apps, true
		w.another(t, "new-production", time.Now().Add(-time.Hour))
		if names := w.answered(t, g); !slices.Contains(names, "new-production") {
			t.Errorf("it is deleted, with a remembered answer: %t; the answer has %q", remembered, names)
		}
	}
}

func TestAReplicaThatIsBehindDeletesNothingThatAnotherHasLetIn(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.confirmed = time.Now().Add(-4 * time.Minute)
	w.another(t, "new-staging", time.Now().Add(-3*time.Minute))
	if names := w.answered(t, g); !slices.Contains(names, "new-staging") {
		t.Errorf("it is deleted: %q", names)
	}
	w.another(t, "old-staging", time.Now().Add(-time.Hour))
	w.apps = slices.DeleteFunc(w.apps, func(a live.Application) bool { return a.Name == "new-staging" })
	if names := w.answered(t, g); slices.Contains(names, "old-staging") {
		t.Errorf("what was made long before is held: %q", names)
	}
}

func TestNamesThatCannotBeReadMakeTheGuardListAndNotGuess(t *testing.T) {
	w := newWorld(t, "api")
	g := w.guard(&said{})
	w.answered(t, g)
	w.completeErr = errors.New("no table")
	before := w.lists.Load()
	w.answered(t, g)
	if w.lists.Load() != before+1 {
		t.Errorf("%d lists", w.lists.Load()-before)
	}
}

func TestARequestIsNotAnsweredFromWhatWasReadBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "api", "web")
		g := w.guard(&said{})
		w.answered(t, g)
		w.trusted, w.listing = false, make(chan struct{})
		var all sync.WaitGroup
		ask := func() []byte {
			answer, err := g.Answer(t.Context(), asked)
			if err != nil {
				t.Error(err)
				return nil
			}
			return answer.Body
		}
		// The first one has read what is live, as it was, and is slow.
		before := w.apps
		all.Go(func() { ask() })
		synctest.Wait()
		w.another(t, "new-production", time.Now().Add(-time.Hour))
		after := w.apps
		w.apps = before
		all.Go(func() {
			if body := string(ask()); !strings.Contains(body, `"new-production"`) {
				t.Error("the later one got what was read before it asked")
			}
		})
		synctest.Wait()
		listing := w.listing
		w.apps, w.listing = after, nil
		close(listing)
		all.Wait()
	})
}

func TestASourceThatBecomesDoubtfulWhileItIsReadIsNotBelieved(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	before := w.answered(t, g)
	doubt := &turnsDoubtful{world: w}
	// It is read once: a second look would notice anyhow.
	w.trusted = false
	g.Repository, g.Doubts = doubt, []func() string{func() string { return doubt.says }}
	w.commit(t, "new")
	after := w.answered(t, g)
	slices.Sort(before)
	slices.Sort(after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestAnApplicationSetThatIsNotThereButHasApplicationsGetsNoAnswer(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.set = nil
	_, err := g.Answer(t.Context(), asked)
	var refusal *admission.Refusal
	if !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable || refusal.Kind != admission.Orphaned {
		t.Errorf("%v", err)
	}
	w.apps = nil
	if answer, err := g.Answer(t.Context(), asked); err != nil || answer.Size() != 4 {
		t.Errorf("a preview: %v", err)
	}
}

func TestAnApplicationSetMadeAnewHasItsApplicationsAgain(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.answered(t, g)
	w.set = &live.ApplicationSet{Name: w.set.Name, UID: "anew", Spec: w.set.Spec, Annotations: map[string]string{}}
	w.commit(t, "api")
	if names := w.answered(t, g); !slices.Contains(names, "web-production") {
		t.Errorf("%q", names)
	}
}

// TestAnAnswerIsRememberedOnlyForTheSameWorld changes each thing that a decision is made from.
func TestAnAnswerIsRememberedOnlyForTheSameWorld(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *world)
		want   string
	}{
		{"a commit", func(t *testing.T, w *world) { w.commit(t, "api", "web", "new") }, "new-staging"},
		{"a service is gone", func(t *testing.T, w *world) { w.commit(t, "api", "new") }, "new-staging"},
		{"a cluster has other labels", func(_ *testing.T, w *world) {
			w.clusters = slices.Clone(w.clusters)
			w.clusters[1].Labels = map[string]string{"tier": "staging", "region": "eu"}
		}, `"region":"eu"`},
		{"a cluster is another one", func(_ *testing.T, w *world) {
			w.clusters = []fleet.Cluster{w.clusters[0], {Name: "staging", Server: "https://elsewhere", Labels: w.clusters[1].Labels}}
		}, `"server":"https://elsewhere"`},
		{"the ApplicationSet cannot be seen through", func(_ *testing.T, w *world) {
			set := *w.set
			set.Spec.GoTemplate = false
			w.set = &set
		}, "spec.goTemplate"},
		{"one more is live", func(t *testing.T, w *world) { w.another(t, "held-production", time.Time{}) }, "held-production"},
		{"one is being deleted", func(_ *testing.T, w *world) { w.apps = slices.Clone(w.apps); w.apps[0].Deleting = true }, ""},
		{"one was made anew", func(_ *testing.T, w *world) { w.apps = slices.Clone(w.apps); w.apps[0].UID = "anew" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "api", "web")
			g := w.guard(&said{})
			w.answered(t, g)
			first, err := g.Answer(t.Context(), asked)
			if err != nil {
				t.Fatal(err)
			}
			test.change(t, w)
			answer, err := g.Answer(t.Context(), asked)
			said := ""
			if err != nil {
				said = err.Error()
			} else {
				said = string(answer.Body)
			}
			if err == nil && &answer.Body[0] == &first.Body[0] {
				t.Error("the answer is the one of the world before")
			}
			if !strings.Contains(said, test.want) {
				t.Errorf("%s does not have %s", said, test.want)
			}
		})
	}
}

func TestADifferentInputIsADifferentQuestion(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.answered(t, g)
	answer, err := g.Answer(t.Context(), generator.Request{ApplicationSet: asked.ApplicationSet, Input: params.Input{Kind: params.Services, Services: []string{"api"}}})
	if err != nil {
		t.Fatal(err)
	}
	if reports := g.Reports()[asked.ApplicationSet]; len(reports.Held) != 2 || answer.Size() != 4 {
		t.Errorf("%d held of %d", len(reports.Held), answer.Size())
	}
}

func TestAMistakeInADecisionIsAnErrorAndDoesNotEndTheProcess(t *testing.T) {
	w := newWorld(t, "api")
	g := w.guard(&said{})
	g.Repository = nil
	if _, err := g.Answer(t.Context(), asked); err == nil || !strings.Contains(err.Error(), "the generator has failed") {
		t.Errorf("%v", err)
	}
}

func TestPeopleAreToldOnceOfAnApplicationSetThatIsTooLarge(t *testing.T) {
	services := make([]string, 1001)
	for i := range services {
		services[i] = fmt.Sprintf("service-%04d", i)
	}
	w := newWorld(t, services...)
	events, recorded := record.NewFakeRecorder(100), []string{}
	g := w.guard(&said{})
	g.Policy.Ramp, g.Tell = 0, guard.Tell(events, slog.New(slog.DiscardHandler), "argocd")
	for range 3 {
		w.answered(t, g)
	}
	close(events.Events)
	for event := range events.Events {
		if strings.Contains(event, "TooManyApplications") {
			recorded = append(recorded, event)
		}
	}
	if len(recorded) == 0 || len(recorded) > 2 || !strings.Contains(recorded[0], "{environments: [production]} (1001)") {
		t.Errorf("%q", recorded)
	}
}
