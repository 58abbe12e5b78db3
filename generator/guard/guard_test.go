package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/manifests"
)

const platformText = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/platform, targetRevision: main, syncPolicy: {automated: {}}}
environments:
  - {name: staging, clusterSelector: {matchLabels: {tier: staging}}}
  - {name: production, clusterSelector: {matchLabels: {tier: production}}, syncPolicy: {}}
`

// world is a repository, a fleet and what Argo CD has made of the answers.
type world struct {
	view     *catalog.View
	viewErr  error
	clusters []fleet.Cluster
	doubt    string

	set    *live.ApplicationSet
	setErr error
	apps   []live.Application
	// seen are what an informer has, where that is not apps.
	seen    []live.Application
	lags    bool
	taken   map[string]string
	trusted bool
	// completeErr is why names cannot be read.
	completeErr error
	// listErr is why no Applications can be listed.
	listErr   error
	annotated int
	// confirmed is when the revision was last the newest; zero is now.
	confirmed time.Time
	// newest is the repository's revision; empty is that of the view.
	newest string
	lists  atomic.Int32
	// listing is closed when lists may end; nil lets them.
	listing chan struct{}
}

func newWorld(t testing.TB, services ...string) *world {
	t.Helper()
	var set v1alpha1.ApplicationSet
	if err := yaml.UnmarshalStrict(manifests.Services, &set); err != nil {
		t.Fatal(err)
	}
	w := &world{
		trusted: true,
		set:     &live.ApplicationSet{Name: set.Name, UID: "set", Spec: set.Spec, Annotations: map[string]string{}},
		clusters: []fleet.Cluster{
			{Name: "production", Server: "https://production", Labels: map[string]string{"tier": "production"}},
			{Name: "staging", Server: "https://staging", Labels: map[string]string{"tier": "staging"}},
		},
	}
	w.commit(t, services...)
	return w
}

// commit makes a revision with these services, each in both environments.
func (w *world) commit(t testing.TB, services ...string) {
	t.Helper()
	declared, err := platform.Parse(platform.File, []byte(platformText))
	if err != nil {
		t.Fatal(err)
	}
	revision := "r1"
	if w.view != nil {
		revision = w.view.Revision + "+"
	}
	view := &catalog.View{Revision: revision, Platform: declared, Rendered: 2 * len(services)}
	for _, name := range services {
		service := catalog.Service{Name: name}
		for _, environment := range []string{"production", "staging"} {
			service.Overlays = append(service.Overlays, catalog.Overlay{
				Environment: environment, Path: "services/" + name + "/overlays/" + environment,
				Facts: catalog.Facts{Known: true, Namespace: name},
			})
		}
		view.Services = append(view.Services, service)
	}
	w.view = view
}

func (w *world) Read(context.Context) (*catalog.View, error)       { return w.view, w.viewErr }
func (w *world) Clusters(context.Context) ([]fleet.Cluster, error) { return w.clusters, nil }
func (w *world) Projects() map[string]bool                         { return nil }
func (w *world) Taken(string) map[string]string                    { return nil }

func (w *world) ApplicationSets() []live.ApplicationSet {
	if w.set == nil {
		return nil
	}
	return []live.ApplicationSet{*w.set}
}

func (w *world) Seen(string) ([]live.Application, bool) {
	if w.lags {
		return w.seen, w.trusted
	}
	return w.apps, w.trusted
}

// Complete is what live.Complete finds out by names.
func (w *world) Complete(context.Context) (bool, error) {
	names := func(apps []live.Application) []string {
		out := []string{}
		for _, app := range apps {
			out = append(out, app.Name)
		}
		return out
	}
	seen, _ := w.Seen("")
	return w.completeErr == nil && slices.Equal(names(seen), names(w.apps)), w.completeErr
}

// Annotate is what an API server does.
func (w *world) Annotate(_ context.Context, name, version string, annotations map[string]*string) error {
	if w.set.Name != name || version != "" && w.set.ResourceVersion != version {
		return nil
	}
	again := *w.set
	again.Annotations = maps.Clone(w.set.Annotations)
	for key, value := range annotations {
		if delete(again.Annotations, key); value != nil {
			again.Annotations[key] = *value
		}
	}
	w.set, w.annotated = &again, w.annotated+1
	return nil
}

func (w *world) ApplicationSet(_ context.Context, name string) (*live.ApplicationSet, error) {
	if w.setErr != nil || w.set == nil || name != w.set.Name {
		return nil, w.setErr
	}
	return w.set, nil
}

func (w *world) Applications(context.Context) (*live.Listing, error) {
	w.lists.Add(1)
	if w.listing != nil {
		<-w.listing
	}
	if w.listErr != nil {
		return nil, w.listErr
	}
	return live.NewListing(map[string][]live.Application{"tidegate-services": w.apps}, w.taken), nil
}

// said is what people were told.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) tell(_ *live.ApplicationSet, r guard.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("sets %d held %d released %d admitted %d waiting %d doubt %q refused %q",
		r.Sets, len(r.Held), len(r.Released), len(r.Admitted), len(r.Waiting), r.Doubt, r.Refused))
}

func (w *world) guard(s *said) *guard.Guard {
	return guard.New(guard.Options{
		Repository: w, Fleet: w, Live: w, Policy: admission.DefaultPolicy(), Tell: s.tell, Doubts: []func() string{func() string { return w.doubt }},
		Confirmed: func(revision string) time.Time {
			if w.newest != "" && w.newest != revision {
				return time.Time{}
			}
			if w.confirmed.IsZero() {
				return time.Now()
			}
			return w.confirmed
		},
	})
}

var asked = generator.Request{ApplicationSet: "tidegate-services"}

// answered are the names in an answer, and Argo CD makes Applications of them that are there for a day.
func (w *world) answered(t *testing.T, g *guard.Guard) []string {
	t.Helper()
	names, _ := w.asks(t, g, asked)
	return names
}

// asks asks for something, and does what Argo CD does with the answer.
func (w *world) asks(t *testing.T, g *guard.Guard, request generator.Request) ([]string, *generator.Answer) {
	t.Helper()
	answer, err := g.Answer(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	var body params.Answer
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Output struct {
			Parameters []struct{ Tidegate json.RawMessage }
		}
	}
	if err := json.Unmarshal(answer.Body, &raw); err != nil {
		t.Fatal(err)
	}
	var names []string
	w.apps = nil
	for i, parameters := range body.Output.Parameters {
		set := parameters.Tidegate
		names = append(names, set.Name)
		w.apps = append(w.apps, live.Application{
			Name: set.Name, UID: "uid-" + set.Name, Parameters: string(raw.Output.Parameters[i].Tidegate), Labels: set.Labels, Project: set.Project,
			DestinationServer: set.Cluster.Server, DestinationNamespace: set.Namespace, Path: set.Path, Created: time.Now().Add(-24 * time.Hour), Reconciled: true, Health: "Healthy",
		})
	}
	slices.SortFunc(w.apps, func(a, b live.Application) int { return strings.Compare(a.Name, b.Name) })
	if answer.Size() != len(names) {
		t.Errorf("Size is %d of %d", answer.Size(), len(names))
	}
	return names, answer
}

func TestAVanishedClusterHoldsItsApplicationsAndAllElseFlows(t *testing.T) {
	w, s := newWorld(t, "api", "web"), &said{}
	g := w.guard(s)
	w.answered(t, g)
	w.clusters = w.clusters[1:]
	w.commit(t, "api", "web", "new")
	want := []string{"api-staging", "web-staging", "new-staging", "api-production", "web-production"}
	if diff := cmp.Diff(want, w.answered(t, g)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		`sets 4 held 0 released 0 admitted 4 waiting 0 doubt "" refused ""`,
		`sets 5 held 2 released 0 admitted 1 waiting 0 doubt "" refused ""`,
	}, s.lines); diff != "" {
		t.Error(diff)
	}
}

func TestNothingChangesWhileASourceIsInDoubt(t *testing.T) {
	for _, test := range []struct {
		name  string
		doubt func(*world)
	}{
		{"the repository cannot be read", func(w *world) { w.viewErr = errors.New("unreachable") }},
		{"a source says so", func(w *world) { w.doubt = "nothing heard for an hour" }},
		{"no cluster is registered", func(w *world) { w.clusters = nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, s := newWorld(t, "api", "web"), &said{}
			g := w.guard(s)
			before := w.answered(t, g)
			w.commit(t, "new")
			test.doubt(w)
			after := w.answered(t, g)
			slices.Sort(before)
			slices.Sort(after)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithoutAnythingLiveWhatDoesNotFitTogetherIsAnErrorAndNoShorterAnswer(t *testing.T) {
	w := newWorld(t, "api")
	w.clusters = w.clusters[1:]
	_, err := w.guard(&said{}).Answer(t.Context(), asked)
	var refusal *params.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%v", err)
	}
}

func TestAnApplicationSetThatCannotBeReadGetsNoAnswer(t *testing.T) {
	w := newWorld(t, "api")
	w.setErr = errors.New("forbidden")
	if answer, err := w.guard(&said{}).Answer(t.Context(), asked); err == nil {
		t.Errorf("%d sets", answer.Size())
	}
}

func TestAQuietWorldIsAnsweredWithoutListingAndWithTheSameBytes(t *testing.T) {
	w, s := newWorld(t, "api", "web"), &said{}
	g := w.guard(s)
	w.answered(t, g)
	first, err := g.Answer(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	listed := w.lists.Load()
	again, err := g.Answer(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if &first.Body[0] != &again.Body[0] {
		t.Error("the answer was worked out again")
	}
	if w.lists.Load() != listed {
		t.Error("Applications were listed although nothing changes")
	}
	w.trusted = false
	if _, err := g.Answer(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	if w.lists.Load() != listed+1 {
		t.Error("an informer that cannot be trusted was")
	}
	if len(s.lines) != 1 {
		t.Errorf("told of nothing new: %q", s.lines)
	}
}

func TestNothingIsHeldOrLetGoByWhatAnInformerHasSeen(t *testing.T) {
	w, s := newWorld(t, "api", "web"), &said{}
	g := w.guard(s)
	w.answered(t, g)
	listed := w.lists.Load()
	w.commit(t, "api")
	w.answered(t, g)
	if w.lists.Load() != listed+1 {
		t.Error("decided without a list")
	}
}

func TestAnAcknowledgementThatIsSpentIsTakenAway(t *testing.T) {
	w := newWorld(t, "api")
	g := w.guard(&said{})
	w.answered(t, g)
	w.set.Annotations[admission.AcknowledgeAnnotation] = "0123"
	w.answered(t, g)
	w.answered(t, g)
	if _, there := w.set.Annotations[admission.AcknowledgeAnnotation]; there || w.annotated != 1 {
		t.Errorf("%v after %d times", w.set.Annotations, w.annotated)
	}
}

func TestWhatTheLimitHoldsIsRememberedByTheApplicationSet(t *testing.T) {
	w := newWorld(t, "api", "web", "db")
	leads := false
	g := w.guard(&said{})
	g.Leads = func() bool { return leads }
	w.answered(t, g)
	w.commit(t, "api")
	w.answered(t, g)
	if w.annotated != 0 {
		t.Error("written by a replica that does not lead")
	}
	leads = true
	w.answered(t, g)
	w.answered(t, g)
	if uids := strings.Split(w.set.Annotations[admission.OverLimitAnnotation], ","); len(uids) != 2 || w.annotated != 1 {
		t.Errorf("%v after %d times", w.set.Annotations, w.annotated)
	}
	w.doubt = "the repository cannot be read"
	w.answered(t, g)
	if w.annotated != 1 {
		t.Error("forgotten in doubt")
	}
	w.doubt = ""
	w.commit(t, "api", "db", "web")
	w.answered(t, g)
	if _, there := w.set.Annotations[admission.OverLimitAnnotation]; there || w.annotated != 2 {
		t.Errorf("%v after %d times", w.set.Annotations, w.annotated)
	}
}

// An Application is deleted by a revision that is not the newest any more, if this fails: its overlay was gone at that one,
// and is back at the newest, which was confirmed while the older one was still being rendered.
func TestWhatConfirmsANewerRevisionConfirmsNoOlderOne(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	g := w.guard(&said{})
	w.answered(t, g)
	w.commit(t, "a", "b")
	for _, test := range []struct {
		newest string
		want   int
	}{{w.view.Revision + " and more", 6}, {w.view.Revision, 5}} {
		w.newest = test.newest
		if names := w.answered(t, g); len(names) != test.want {
			t.Errorf("while %s is the newest, %v are answered, want %d of them", test.newest, names, test.want)
		}
	}
}

func TestWhySaysWhatBecomesOfAnApplication(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.commit(t, "api", "new")
	for _, test := range []struct {
		name  string
		state guard.State
		why   string
	}{
		{"api-staging", guard.Stays, "services/api/overlays/staging is in the repository at revision r1+"},
		{"web-staging", guard.Goes, "services/web/overlays/staging is gone at revision r1+"},
		{"new-staging", guard.Comes, "the environment staging selects the cluster staging by tier=staging"},
		{"web-production", guard.Held, "the environment production is protected"},
		{"other-staging", guard.Absent, "nothing in the repository would be called so"},
	} {
		explanation, err := g.Why(t.Context(), "argocd", test.name)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(explanation.Why, "\n"); explanation.State != test.state || !strings.Contains(text, test.why) {
			t.Errorf("%s: %s\n%s", test.name, explanation.State, text)
		}
	}
}

func TestWhatWasDecidedBeforeAReplicaLedIsToldOnceItLeads(t *testing.T) {
	w, s := newWorld(t, "api"), &said{}
	leads := false
	g := guard.New(guard.Options{
		Repository: w, Fleet: w, Live: w, Policy: admission.DefaultPolicy(), Tell: s.tell, Leads: func() bool { return leads },
	})
	w.answered(t, g)
	w.clusters = w.clusters[1:]
	w.commit(t, "api")
	w.answered(t, g)
	if len(s.lines) > 0 {
		t.Errorf("told before it led: %q", s.lines)
	}
	leads = true
	for range 2 {
		w.answered(t, g)
	}
	if len(s.lines) != 1 || !strings.Contains(s.lines[0], "held 1") {
		t.Errorf("%q", s.lines)
	}
}

func TestAProtectionOfNothingIsFound(t *testing.T) {
	w := newWorld(t, "api")
	policy := admission.DefaultPolicy()
	policy.Protected = []string{"prod", admission.Nothing}
	g := guard.New(guard.Options{Repository: w, Fleet: w, Live: w, Policy: policy})
	answer, err := g.Answer(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Findings) != 1 || answer.Findings[0].Kind != params.UndeclaredProtection {
		t.Errorf("%+v", answer.Findings)
	}
}

func TestAServiceThatIsGoneAndStillAskedForKeepsNobodyElseWaiting(t *testing.T) {
	w := newWorld(t, "api", "web")
	s := &said{}
	g := w.guard(s)
	input := params.Input{Kind: params.Services, Services: []string{"api", "web"}}
	request := generator.Request{ApplicationSet: w.set.Name, Input: input}
	if _, err := g.Answer(t.Context(), generator.Request{ApplicationSet: w.set.Name, Input: params.Input{Kind: params.Services, Services: []string{"apis"}}}); err == nil {
		t.Error("a name that is not there was taken while nothing was live")
	}
	w.asks(t, g, request)
	w.commit(t, "api")
	_, answer := w.asks(t, g, request)
	if !slices.ContainsFunc(answer.Findings, func(f params.Finding) bool { return f.Kind == params.UnknownName }) {
		t.Errorf("nobody is told: %v", answer.Findings)
	}
	report := g.Reports()[w.set.Name]
	if len(report.Held)+len(report.Released) != 2 || report.Doubt != "" {
		t.Errorf("%+v", report)
	}
	w.commit(t, "other")
	if w.asks(t, g, request); g.Reports()[w.set.Name].Doubt == "" {
		t.Errorf("nothing that is asked for is there: %+v", g.Reports()[w.set.Name])
	}
}

// Argo CD may ask another replica than the one that leads: that one learns what would be answered from Wanted alone.
func TestWhatIsNotAnsweredIsToldOf(t *testing.T) {
	for name, ask := range map[string]func(*guard.Guard, *world) error{
		"answering": func(g *guard.Guard, w *world) error {
			input, err := params.ParseInput(w.set.Spec.Generators[0].Plugin.Input.Parameters)
			if err != nil {
				return err
			}
			_, err = g.Answer(t.Context(), generator.Request{ApplicationSet: w.set.Name, Input: input})
			return err
		},
		"leading": func(g *guard.Guard, w *world) error {
			_, err := g.Wanted(t.Context(), w.set.Name)
			return err
		},
	} {
		w, s := newWorld(t, "api"), &said{}
		g := w.guard(s)
		before := w.set.Spec.Generators[0].Plugin.Input.Parameters
		w.set.Spec.Generators[0].Plugin.Input.Parameters = v1alpha1.PluginParameters{"services": {Raw: []byte(`["apis"]`)}}
		if err := ask(g, w); err == nil {
			t.Fatal("answered")
		}
		if report := g.Reports()[w.set.Name]; report.Kind != guard.BadInput || len(s.lines) != 1 || !strings.Contains(s.lines[0], "did you mean api?") {
			t.Errorf("%s: %+v, told %q", name, report, s.lines)
		}
		w.set.Spec.Generators[0].Plugin.Input.Parameters = before
		w.trusted, w.listErr = false, errors.New("forbidden")
		if err := ask(g, w); err == nil {
			t.Fatal("answered")
		}
		if report := g.Reports()[w.set.Name]; report.Kind != guard.NotRead || len(s.lines) != 2 {
			t.Errorf("%s: %+v, told %q", name, report, s.lines)
		}
	}
}

func TestAPreviewIsNoneWhereApplicationsAreLiveThatNoInformerHasSeen(t *testing.T) {
	w := newWorld(t, "api")
	g := w.guard(&said{})
	w.answered(t, g)
	w.set, w.trusted = nil, false
	var refusal *admission.Refusal
	if _, err := g.Answer(t.Context(), asked); !errors.As(err, &refusal) || refusal.Kind != admission.Orphaned {
		t.Errorf("%v", err)
	}
}

// slow is a world whose repository takes its time to be read.
type slow struct {
	*world
	takes time.Duration
}

func (s slow) Read(ctx context.Context) (*catalog.View, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.takes):
		return s.world.Read(ctx)
	}
}

func TestAnAnswerMayTakeAsLongAsIsSaid(t *testing.T) {
	for _, test := range []struct {
		most, takes time.Duration
		want        error
	}{
		{0, 119 * time.Second, nil}, {0, 121 * time.Second, context.DeadlineExceeded},
		{5 * time.Minute, 4 * time.Minute, nil}, {time.Minute, 61 * time.Second, context.DeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "api")
			g := guard.New(guard.Options{Repository: slow{w, test.takes}, Fleet: w, Live: w, Policy: admission.DefaultPolicy(), Time: test.most})
			if _, err := g.Answer(t.Context(), asked); !errors.Is(err, test.want) {
				t.Errorf("%s of %s: %v, want %v", test.takes, test.most, err, test.want)
			}
		})
	}
}
