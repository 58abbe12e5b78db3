package guard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

// installation is a world of several ApplicationSets, each for a part of the services.
type installation struct {
	*world
	requests []generator.Request
	sets     []live.ApplicationSet
	bySet    map[string][]live.Application
}

const largePlatform = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults:
  project: payments-team
  repoURL: https://github.com/myorg/gitops-platform
  targetRevision: main
  annotations:
    notifications.argoproj.io/subscribe.on-sync-succeeded.slack: devops-deploys
    notifications.argoproj.io/subscribe.on-sync-failed.slack: devops-alerts
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true, PrunePropagationPolicy=foreground, RespectIgnoreDifferences=true]
    retry: {limit: 3, backoff: {duration: 5s, factor: 2, maxDuration: 3m}}
environments:
  - {name: staging, clusterSelector: {matchLabels: {tier: staging}}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    applicationName: "{service}-{environment}-{cluster}"
    batches: [{name: canary, clusterSelector: {matchLabels: {region: r0}}}, {name: first, share: 10%}, {name: rest}]
`

// several is what Argo CD has of an installation.
type several struct{ *installation }

func (s several) ApplicationSets() []live.ApplicationSet     { return s.sets }
func (s several) Seen(set string) ([]live.Application, bool) { return s.bySet[set], true }
func (s several) Complete(context.Context) (bool, error)     { return true, nil }
func (s several) Applications(context.Context) (*live.Listing, error) {
	return live.NewListing(s.bySet, nil), nil
}

func (s several) ApplicationSet(_ context.Context, name string) (*live.ApplicationSet, error) {
	at := slices.IndexFunc(s.sets, func(set live.ApplicationSet) bool { return set.Name == name })
	if at < 0 {
		return nil, nil
	}
	return &s.sets[at], nil
}

// install rolls out services, with ten Applications each, by so many ApplicationSets.
func install(tb testing.TB, services, sets int) (*installation, *guard.Guard) {
	tb.Helper()
	names := make([]string, services)
	for i := range names {
		names[i] = fmt.Sprintf("service-%04d", i)
	}
	i := &installation{world: newWorld(tb, names...), bySet: map[string][]live.Application{}}
	declared, err := platform.Parse(platform.File, []byte(largePlatform))
	if err != nil {
		tb.Fatal(err)
	}
	i.view.Platform = declared
	i.clusters = []fleet.Cluster{{Name: "s", Server: "https://s.internal:6443", Labels: map[string]string{"tier": "staging", "region": "r0"}}}
	for n := range 9 {
		i.clusters = append(i.clusters, fleet.Cluster{
			Name: fmt.Sprintf("p%d", n), Server: fmt.Sprintf("https://p%d.internal:6443", n),
			Labels: map[string]string{"tier": "production", "region": fmt.Sprintf("r%d", n%4)}, Values: map[string]string{"REGION": fmt.Sprintf("r%d", n%4)},
		})
	}
	for n := range sets {
		set := *i.set
		set.Name, set.UID = fmt.Sprintf("services-%d", n), fmt.Sprintf("set-%d", n)
		i.sets = append(i.sets, set)
		from, to := n*services/sets, (n+1)*services/sets
		i.requests = append(i.requests, generator.Request{ApplicationSet: set.Name, Input: params.Input{Kind: params.Services, Services: names[from:to]}})
		for _, demanded := range i.demanded(tb, n).Sets {
			text, err := json.Marshal(demanded)
			if err != nil {
				tb.Fatal(err)
			}
			i.bySet[set.Name] = append(i.bySet[set.Name], live.Application{
				Name: demanded.Name, UID: demanded.Name, Parameters: string(text), Labels: demanded.Labels, Created: time.Now().Add(-24 * time.Hour),
				Project: demanded.Project, Reconciled: true, Health: "Healthy", Path: demanded.Path,
			})
		}
		slices.SortFunc(i.bySet[set.Name], func(a, b live.Application) int { return strings.Compare(a.Name, b.Name) })
	}
	g := i.guard(&said{})
	g.Live = several{i}
	g.Tell = nil
	return i, g
}

func (i *installation) demanded(tb testing.TB, at int) *params.Result {
	tb.Helper()
	result, err := params.Compute(params.World{View: i.view, Clusters: i.clusters}, i.requests[at].Input)
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// answerAll answers every ApplicationSet once.
func (i *installation) answerAll(tb testing.TB, g *guard.Guard) (bytes int) {
	tb.Helper()
	for _, request := range i.requests {
		answer, err := g.Answer(tb.Context(), request)
		if err != nil {
			tb.Fatal(err)
		}
		bytes += len(answer.Body)
	}
	return bytes
}

// anew is another revision, with the same content.
func (i *installation) anew() {
	view := *i.view
	view.Revision += "+"
	if len(view.Revision) > 40 {
		view.Revision = "r1"
	}
	i.view = &view
}

// cpu is the time that this process has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkTenThousandApplications compares the answers to five ApplicationSets of two thousand Applications with marshalling
// these answers, in CPU time, within one run: in a world that has changed, and in one that has not.
func BenchmarkTenThousandApplications(b *testing.B) {
	i, g := install(b, 1000, 5)
	floor := func() time.Duration {
		var answers []params.Answer
		for at := range i.requests {
			answers = append(answers, i.demanded(b, at).Answer())
		}
		runtime.GC()
		start := cpu(b)
		for _, answer := range answers {
			if _, err := json.Marshal(answer); err != nil {
				b.Fatal(err)
			}
		}
		return cpu(b) - start
	}
	for _, test := range []struct {
		name    string
		changes bool
	}{{"changed", true}, {"unchanged", false}} {
		b.Run(test.name, func(b *testing.B) {
			var took, least time.Duration
			for b.Loop() {
				least += floor()
				if test.changes {
					i.anew()
				}
				runtime.GC()
				start := cpu(b)
				bytes := i.answerAll(b, g)
				took += cpu(b) - start
				b.ReportMetric(float64(bytes)/(1<<20), "MiB")
			}
			b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "cpu-ms")
			b.ReportMetric(float64(least.Microseconds())/1000/float64(b.N), "marshal-ms")
			b.ReportMetric(float64(took)/float64(least), "ratio")
		})
	}
}

// TestMemoryStaysFlatOverTenThousandRequests asks while revisions come, inputs change, and ApplicationSets come and go.
func TestMemoryStaysFlatOverTenThousandRequests(t *testing.T) {
	i, g := install(t, 20, 5)
	asked := 0
	third := func() int64 {
		for n := range 3334 {
			if n%100 == 0 {
				i.anew()
			}
			request := i.requests[n%len(i.requests)]
			switch {
			case n%10 == 3:
				// Whoever has the token chooses names and inputs.
				request = generator.Request{ApplicationSet: fmt.Sprintf("preview-%d", asked), Input: params.Input{Kind: params.Services, Services: []string{fmt.Sprintf("service-%04d", n%20)}}}
			case n%10 == 7:
				at := n % len(i.sets)
				i.rename(at, fmt.Sprintf("services-%d-%d", at, asked))
				request = i.requests[at]
			}
			if _, err := g.Answer(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			asked++
		}
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	first, second, last := third(), third(), third()
	// What nobody uses any more would not be in use.
	runtime.KeepAlive(g)
	runtime.KeepAlive(i)
	t.Logf("%d requests: %d, %d, %d KiB", asked, first>>10, second>>10, last>>10)
	if more := last - first; more > 512<<10 {
		t.Errorf("%d KiB more after %d requests: %d, %d, %d KiB", more>>10, asked, first>>10, second>>10, last>>10)
	}
}

// rename is that an ApplicationSet is deleted and made under another name, with its Applications.
func (i *installation) rename(at int, name string) {
	sets := slices.Clone(i.sets)
	old := sets[at].Name
	sets[at].Name, sets[at].UID = name, name
	i.sets = sets
	i.bySet[name] = i.bySet[old]
	delete(i.bySet, old)
	i.requests[at].ApplicationSet = name
}
