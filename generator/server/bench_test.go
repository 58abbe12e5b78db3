package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

const manyPlatform = `apiVersion: tidegate.dev/v1alpha1
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
  - {name: dev, clusterSelector: {matchLabels: {tier: dev}}}
  - {name: staging, clusterSelector: {matchLabels: {tier: staging}}, applicationName: "{service}-{environment}-{cluster}"}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    applicationName: "{service}-{environment}-{cluster}"
    batches: [{name: canary, clusterSelector: {matchLabels: {region: r0}}}, {name: first, share: 10%}, {name: rest}]
`

// unchanged is a repository of many services that has been read, and a fleet of ten clusters: ten sets for each service.
type unchanged struct {
	view     *catalog.View
	clusters []fleet.Cluster
}

func (u unchanged) Read(context.Context) (*catalog.View, error)       { return u.view, nil }
func (u unchanged) Clusters(context.Context) ([]fleet.Cluster, error) { return u.clusters, nil }

func newUnchanged(t testing.TB, services int) unchanged {
	t.Helper()
	declared, err := platform.Parse(platform.File, []byte(manyPlatform))
	if err != nil {
		t.Fatal(err)
	}
	u := unchanged{view: &catalog.View{Revision: "0ddba11", Platform: declared}}
	for i := range services {
		service := catalog.Service{Name: fmt.Sprintf("service-%d", i)}
		for _, environment := range []string{"dev", "production", "staging"} {
			service.Overlays = append(service.Overlays, catalog.Overlay{
				Environment: environment, Path: "services/" + service.Name + "/overlays/" + environment,
				Facts: catalog.Facts{Known: true, Namespace: "payments-" + environment, Autoscaled: []catalog.Workload{{Group: "apps", Kind: "Deployment", Name: service.Name}}},
			})
		}
		u.view.Services = append(u.view.Services, service)
	}
	for i, tier := range []string{"dev", "staging", "staging", "production", "production", "production", "production", "production", "production", "production"} {
		u.clusters = append(u.clusters, fleet.Cluster{
			Name: fmt.Sprintf("cluster-%d", i), Server: fmt.Sprintf("https://cluster-%d.internal:6443", i),
			Labels: map[string]string{"tier": tier, "region": fmt.Sprintf("r%d", i%5)},
		})
	}
	return u
}

// nowhere is a client that costs nothing.
type nowhere struct {
	header http.Header
	status int
	bytes  int
}

func (n *nowhere) Header() http.Header  { return n.header }
func (n *nowhere) WriteHeader(code int) { n.status = code }
func (n *nowhere) Flush()               {}
func (n *nowhere) Write(p []byte) (int, error) {
	n.bytes += len(p)
	return len(p), nil
}

func call(t testing.TB, s *Server) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, Path, strings.NewReader(`{"applicationSetName":"services","input":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	client := &nowhere{header: http.Header{}}
	s.ServeHTTP(client, request)
	if client.status != http.StatusOK {
		t.Fatalf("status %d", client.status)
	}
	return client.bytes
}

// BenchmarkAnswer compares 10,000 parameter sets of an unchanged repository through the handler with json.Marshal of them.
func BenchmarkAnswer(b *testing.B) {
	world := newUnchanged(b, 1000)
	result, err := params.Compute(params.World{View: world.view, Clusters: world.clusters}, params.Input{Kind: params.Services})
	if err != nil {
		b.Fatal(err)
	}
	if len(result.Sets) != 10_000 {
		b.Fatalf("%d sets", len(result.Sets))
	}
	b.Run("floor=json.Marshal", func(b *testing.B) {
		b.ReportAllocs()
		answer := result.Answer()
		for b.Loop() {
			body, err := json.Marshal(answer)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
		}
	})
	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		s := New(Options{Token: FixedToken(token), Answerer: generator.New(world, world)})
		for b.Loop() {
			b.SetBytes(int64(call(b, s)))
		}
	})
}

func TestMemoryStaysFlatOverAThousandCalls(t *testing.T) {
	world := newUnchanged(t, 5)
	s := New(Options{Token: FixedToken(token), Answerer: generator.New(world, world)})
	inUse := func(calls int) uint64 {
		for range calls {
			call(t, s)
		}
		// Twice: what is pooled survives one collection.
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, after := inUse(100), inUse(1000)
	if after > before+256<<10 {
		t.Errorf("%d KiB more after 1,000 calls", (after-before)>>10)
	}
}
