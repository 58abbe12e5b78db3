package params_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin/render"
)

const (
	manyServices = 1000
	manySets     = 10_000
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

// manyClusters are 1 for dev, 2 for staging and 7 for production: with every service, 10,000 sets.
func manyClusters() []fleet.Cluster {
	var out []fleet.Cluster
	for i := range manySets / manyServices {
		tier := "production"
		switch {
		case i == 0:
			tier = "dev"
		case i < 3:
			tier = "staging"
		}
		out = append(out, fleet.Cluster{
			Name: fmt.Sprintf("cluster-%d", i), Server: fmt.Sprintf("https://cluster-%d.internal:6443", i),
			Labels: map[string]string{"tier": tier, "region": fmt.Sprintf("r%d", i%4)},
			Values: map[string]string{"REGION": fmt.Sprintf("r%d", i%4)},
		})
	}
	return out
}

// manyRepository writes services of eight files, three of them overlays.
func manyRepository(b *testing.B, services int) string {
	b.Helper()
	dir := b.TempDir()
	write := func(content string, elements ...string) {
		file := filepath.Join(append([]string{dir}, elements...)...)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write(manyPlatform, "tidegate.yaml")
	for i := range services {
		name := fmt.Sprintf("service-%04d", i)
		write("resources: [deployment.yaml, service.yaml, hpa.yaml]\n", "services", name, "base", "kustomization.yaml")
		write("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: "+name+"}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: 'a:1'}]}}}\n",
			"services", name, "base", "deployment.yaml")
		write("apiVersion: v1\nkind: Service\nmetadata: {name: "+name+"}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n", "services", name, "base", "service.yaml")
		write("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: "+name+"}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: "+name+"}}\n",
			"services", name, "base", "hpa.yaml")
		for _, environment := range []string{"dev", "staging", "production"} {
			write("namespace: "+name+"-"+environment+"\nresources: [../../base]\n", "services", name, "overlays", environment, "kustomization.yaml")
		}
	}
	return dir
}

func commitAll(b *testing.B, dir string) {
	b.Helper()
	repository, err := git.PlainInit(dir, false)
	if err != nil {
		b.Fatal(err)
	}
	tree, err := repository.Worktree()
	if err == nil {
		err = tree.AddWithOptions(&git.AddOptions{All: true})
	}
	if err == nil {
		_, err = tree.Commit("all", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.com"}})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTenThousandParameterSets compares an answer to an unchanged world with marshalling that answer.
func BenchmarkTenThousandParameterSets(b *testing.B) {
	dir := manyRepository(b, manyServices)
	commitAll(b, dir)
	clusters := manyClusters()
	// A file that has just changed is read again each time, since its times cannot tell of the next change.
	time.Sleep(2500 * time.Millisecond)
	for _, from := range []struct{ name, revision string }{{"commit", "HEAD"}, {"folder", ""}} {
		source, err := catalog.Open(dir, from.revision)
		if err != nil {
			b.Fatal(err)
		}
		cat := catalog.New(source, render.NewInProcess())
		answer := func() (params.Answer, int) {
			view, err := cat.Read(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			result, err := params.Compute(params.World{View: view, Clusters: clusters}, params.Input{})
			if err != nil {
				b.Fatal(err)
			}
			return result.Answer(), view.Rendered
		}
		first, rendered := answer()
		if len(first.Output.Parameters) != manySets || rendered != 3*manyServices {
			b.Fatalf("%d sets, %d rendered", len(first.Output.Parameters), rendered)
		}
		b.Run("floor/"+from.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				marshal(b, first)
			}
		})
		b.Run("answer/"+from.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				again, rendered := answer()
				if rendered != 0 {
					b.Fatalf("%d overlays rendered of an unchanged repository", rendered)
				}
				marshal(b, again)
			}
		})
		_ = source.Close()
	}
}

func marshal(b *testing.B, answer params.Answer) {
	b.Helper()
	encoded, err := json.Marshal(answer)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(encoded))/manySets, "bytes/set")
}

// BenchmarkAThousandAnswers reports how much more is held after a thousand answers than after ten.
func BenchmarkAThousandAnswers(b *testing.B) {
	dir := manyRepository(b, 100)
	source, err := catalog.Open(dir, "")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	cat, clusters := catalog.New(source, render.NewInProcess()), manyClusters()
	answers := func(count int) uint64 {
		for range count {
			view, err := cat.Read(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			result, err := params.Compute(params.World{View: view, Clusters: clusters}, params.Input{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(result.Answer()); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	for b.Loop() {
		before := answers(10)
		b.ReportMetric(float64(int64(answers(1000)-before))/1024, "KiB-more")
		b.ReportMetric(float64(before)/1024, "KiB-held")
	}
}
