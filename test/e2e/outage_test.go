//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

// TestSelfManagingAndOutage changes the repository and nothing else, then takes away one server after the other, and in the end
// Argo CD altogether.
func TestSelfManagingAndOutage(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{Operators: []string{simulate.AllGroups}, ArgoCDEnv: []string{"ARGOCD_CLUSTER_SYNC_RETRY_TIMEOUT_DURATION=1s"}})
	s.must(s.InstallExample(s.Context()))
	s.untilEverythingRuns()
	s.part("the repository manages itself", (*suite).selfManaging)
	s.part("an outage changes no Application", func(s *suite) {
		watched := s.watchApplications()
		s.part("the generator is killed", (*suite).generatorKilled)
		s.part("the generator hangs", (*suite).generatorHangs)
		s.part("the generator answers slowly", (*suite).generatorSlow)
		s.part("the generator is restarted", (*suite).generatorRestarted)
		s.part("the generator is restarted, and has never read the repository", (*suite).generatorUnread)
		s.part("the repository is gone", (*suite).repositoryGone)
		s.part("repo-server is killed", (*suite).repoServerKilled)
		s.part("the plugin is killed", (*suite).pluginKilled)
		s.part("the API server of production is killed", (*suite).otherAPIServerKilled)
		watched.unchanged(s)
	})
	s.part("the API server is killed, which changes no Application", (*suite).apiServerKilled)
	s.part("everything comes back from Git alone", (*suite).recovery)
}

// applicationSets are those of the example.
var applicationSets = []string{"tidegate-cluster-config", "tidegate-services"}

// untilEverythingRuns waits until staging has synced by itself, and syncs production as a human does.
func (s *suite) untilEverythingRuns() {
	s.Helper()
	s.untilReported("Synced", "Healthy", append(inStaging, "argocd-apps", "cluster-config-staging", "cluster-config-production")...)
	for _, name := range inProduction {
		s.until(name+" is there", func(ctx context.Context) error {
			_, err := s.Application(ctx, name)
			return err
		})
		s.must(s.Sync(s.Context(), name))
	}
	s.untilReported("Synced", "Healthy", inProduction...)
}

// inProduction are the Applications of the example that humans sync.
var inProduction = []string{"ledger-worker-production", "payments-api-production"}

// everythingWorks fails the test unless Argo CD can generate and compare everything, and finds nothing to do.
func (s *suite) everythingWorks() {
	s.Helper()
	for _, set := range applicationSets {
		s.must(s.Generate(s.Context(), set))
	}
	all, err := s.Applications(s.Context())
	s.must(err)
	for name := range all {
		if app := s.compared(name); app.Operation != nil {
			s.Errorf("%s is synced again: %+v", name, app.Operation)
		}
	}
	s.untilReported("Synced", "Healthy", slices.Sorted(maps.Keys(all))...)
}

func (s *suite) generatorKilled() {
	s.Tidegate.Generator.Kill()
	s.generateInVain("connection refused")
	// And whenever it is asked again.
	s.generateInVain("connection refused")
	s.must(s.Tidegate.StartGenerator(s.Context()))
	s.everythingWorks()
}

// generateInVain has Argo CD ask for both ApplicationSets, and waits until it reports an error.
func (s *suite) generateInVain(want string) {
	s.Helper()
	var all errgroup.Group
	for _, set := range applicationSets {
		all.Go(func() error { return s.GenerateInVain(s.Context(), set, want) })
	}
	s.must(all.Wait())
}

func (s *suite) generatorHangs() {
	line, err := s.OpenLine(s.Context())
	s.must(err)
	s.Tidegate.Generator.Freeze()
	s.generateInVain("Client.Timeout exceeded while awaiting headers")
	s.Tidegate.Generator.Thaw()
	s.must(line.Close(s.Context()))
	s.everythingWorks()
}

func (s *suite) generatorSlow() {
	line, err := s.OpenLine(s.Context())
	s.must(err)
	for _, set := range applicationSets {
		line.Hold()
		generated := make(chan error, 1)
		go func() { generated <- s.Generate(s.Context(), set) }()
		s.must(line.Half(s.Context()))
		line.Release()
		s.must(<-generated)
	}
	line.Hold()
	s.generateInVain("Client.Timeout or context cancellation while reading body")
	s.must(line.Close(s.Context()))
	s.everythingWorks()
}

// generatorRestarted has Argo CD ask while the generator ends and starts, from its first moment on.
func (s *suite) generatorRestarted() {
	var asked errgroup.Group
	for _, set := range applicationSets {
		asked.Go(func() error { return s.Generate(s.Context(), set) })
	}
	s.must(s.Tidegate.RestartGenerator(s.Context()))
	s.must(asked.Wait())
	s.everythingWorks()
}

// generatorUnread has Argo CD ask a generator that knows nothing of the repository, and cannot: each Application that is
// there is in its answer as it is there, and an ApplicationSet of none gets none.
func (s *suite) generatorUnread() {
	s.must(s.Tidegate.LoseGenerator(s.Context()))
	s.must(s.MoveRepository(true))
	s.must(s.Tidegate.StartUnreadGenerator(s.Context()))
	before := s.essentials()
	for _, set := range applicationSets {
		s.must(s.Generate(s.Context(), set))
	}
	s.must(differ(before, s.essentials()))
	s.must(s.Staging.ApplyFile(s.Context(), "manifests/applicationset.yaml", "name: tidegate-services", "name: newcomer"))
	s.must(s.GenerateInVain(s.Context(), "newcomer", "there is no live Application to hold, so there is no answer"))
	s.must(s.Staging.Delete(s.Context(), s.object("argoproj.io/v1alpha1", "ApplicationSet", controlplane.Namespace, "newcomer")))

	s.must(s.MoveRepository(false))
	s.until("the generator has read the repository", func(ctx context.Context) error {
		return s.Tidegate.Serves(ctx, s.git("rev-parse", "HEAD"))
	})
	s.everythingWorks()
}

func (s *suite) repositoryGone() {
	s.must(s.MoveRepository(true))
	s.until("the generator says that it cannot read the repository", func(ctx context.Context) error {
		return s.Tidegate.Doubts(ctx, "the repository cannot be read")
	})
	// It answers with what there is.
	for _, set := range applicationSets {
		s.must(s.Generate(s.Context(), set))
	}
	for _, name := range append(inStaging, inProduction...) {
		s.comparedInVain(name, "failed to list refs")
	}
	s.must(s.MoveRepository(false))
	s.everythingWorks()
}

// comparedInVain has Argo CD compare an Application, and waits until it reports an error.
func (s *suite) comparedInVain(name, want string) {
	s.Helper()
	app, err := s.Reconcile(s.Context(), name, v1alpha1.RefreshTypeHard)
	s.must(err)
	s.reportsError(app, want)
}

func (s *suite) repoServerKilled() {
	s.ArgoCD.RepoServer.Kill()
	for _, name := range append(inStaging, inProduction...) {
		s.comparedInVain(name, "connection refused")
	}
	s.must(s.ArgoCD.StartRepoServer(s.Context()))
	s.everythingWorks()
}

func (s *suite) pluginKilled() {
	s.Tidegate.Plugin.Kill()
	for _, name := range append(inStaging, inProduction...) {
		s.comparedInVain(name, "find cmp-server plugin")
	}
	s.must(s.Tidegate.StartPlugin(s.Context(), controlplane.Native))
	s.forgetErrors()
	s.everythingWorks()
}

// forgetErrors has repo-server render anew: it keeps errors, also that of a controller that went away before it had its
// answer.
func (s *suite) forgetErrors() {
	s.Helper()
	all, err := s.Applications(s.Context())
	s.must(err)
	for name := range all {
		_, err := s.Reconcile(s.Context(), name, v1alpha1.RefreshTypeHard)
		s.must(err)
	}
}

func (s *suite) apiServerKilled() {
	watched := s.watchApplications()
	s.must(s.Staging.RestartAPIServer(s.Context()))
	// No watch outlives an API server: it has forgotten what was.
	var err error
	watched.history, err = s.Staging.Record(s.Context(), controlplane.Namespace, v1alpha1.ApplicationSchemaGroupVersionKind)
	s.must(err)
	s.everythingWorks()
	watched.unchanged(s)
}

func (s *suite) otherAPIServerKilled() {
	s.Production.StopAPIServer()
	// A controller that has just started knows nothing of that cluster.
	s.must(s.ArgoCD.Restart(s.Context(), s.ArgoCD.Controller, s.ArgoCD.StartController))
	for _, name := range inProduction {
		s.comparedInVain(name, "connection refused")
	}
	s.must(s.Production.RestartAPIServer(s.Context()))
	s.forgetErrors()
	s.everythingWorks()
}

// watched is what was there when a watch of all Applications began, and what happened since then.
type watched struct {
	before  map[string]v1alpha1.Application
	pods    map[*controlplane.Cluster]map[string]string
	audits  map[*controlplane.Cluster]*controlplane.Audit
	history *controlplane.History
}

func (s *suite) watchApplications() *watched {
	s.Helper()
	w := &watched{pods: map[*controlplane.Cluster]map[string]string{}, audits: map[*controlplane.Cluster]*controlplane.Audit{}}
	for _, cluster := range []*controlplane.Cluster{s.Staging, s.Production} {
		w.pods[cluster], w.audits[cluster] = s.workloads(cluster), s.audit(cluster)
	}
	var err error
	w.before, err = s.Applications(s.Context())
	s.must(err)
	w.history, err = s.Staging.Record(s.Context(), controlplane.Namespace, v1alpha1.ApplicationSchemaGroupVersionKind)
	s.must(err)
	return w
}

// unchanged fails the test if an Application was another one at any moment since the watch began, if somebody tried to
// delete or to create one, or if anything was done to what they deliver.
func (w *watched) unchanged(s *suite) {
	s.Helper()
	now, err := s.Applications(s.Context())
	s.must(err)
	for name, before := range w.before {
		if now[name].UID != before.UID {
			s.Errorf("Application %s is another one, or gone", name)
		}
	}
	changes := w.changes(s)
	if len(changes) < len(w.before) {
		s.Fatalf("only %d changes of status were seen", len(changes))
	}
	for _, change := range changes {
		before, existed := w.before[change.Object.GetName()]
		if !existed || change.Type != watch.Modified || change.Object.GetDeletionTimestamp() != nil {
			s.Errorf("%s", change)
			continue
		}
		var app v1alpha1.Application
		content, err := change.Object.MarshalJSON()
		s.must(err)
		s.must(json.Unmarshal(content, &app))
		if err := differ(identity(before), identity(app)); err != nil {
			s.Errorf("%s: %v", change, err)
		}
	}
	writes, err := w.audits[s.Staging].Writes(func(w controlplane.Write) bool {
		return w.Resource == "applications.argoproj.io" &&
			(w.Verb != "patch" && w.Verb != "update" || w.User == controlplane.ServiceAccount("argocd-applicationset-controller"))
	})
	s.must(err)
	if len(writes) > 0 {
		s.Errorf("Applications were written to: %v", writes)
	}
	for cluster, audit := range w.audits {
		s.untouched(cluster, audit, w.pods[cluster])
	}
}

// identity is an Application with its UID, and without its status and what Argo CD notes.
func identity(app v1alpha1.Application) v1alpha1.Application {
	out := v1alpha1.Application{ObjectMeta: *app.ObjectMeta.DeepCopy(), Spec: app.Spec}
	out.ResourceVersion, out.Generation, out.ManagedFields = "", 0, nil
	delete(out.Annotations, v1alpha1.AnnotationKeyRefresh)
	delete(out.Annotations, notified)
	return out
}

// changes are those of all Applications until now.
func (w *watched) changes(s *suite) []controlplane.Change {
	s.Helper()
	all := func(controlplane.Change) bool { return true }
	now, err := strconv.ParseUint(s.compared("argocd-apps").ResourceVersion, 10, 64)
	s.must(err)
	s.until("all changes of Applications are known", func(context.Context) error {
		_, err := w.history.First("the last one", func(c controlplane.Change) bool { return c.At >= now })
		return err
	})
	changes, err := w.history.Changes(all)
	s.must(err)
	return changes
}

// reportsError fails the test unless Argo CD cannot compare an Application, for a reason that contains a text.
func (s *suite) reportsError(app *v1alpha1.Application, want string) {
	s.Helper()
	for _, condition := range app.Status.Conditions {
		if condition.Type == v1alpha1.ApplicationConditionComparisonError && strings.Contains(condition.Message, want) {
			return
		}
	}
	s.Errorf("%s reports no error with %q: %+v", app.Name, want, app.Status.Conditions)
}
