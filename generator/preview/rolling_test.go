package preview

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const batchedPlatform = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/platform, targetRevision: main, syncPolicy: {automated: {prune: true}}}
environments:
  - {name: dev, clusterSelector: {}}
  - {name: staging, clusterSelector: {}}
  - name: canary
    clusterSelector: {}
    batches: [{name: first, share: 10%, maxUpdate: "1"}, {name: rest}]
  - {name: audit, clusterSelector: {}, syncPolicy: {}}
  - name: production
    clusterSelector: {}
    syncPolicy: {}
    batches: [{name: first, share: 10%}, {name: second, share: 50%, maxUpdate: 25%}, {name: rest, maxUpdate: "0"}]
`

func TestTheStepsOfARolloutAreTheBatchesOfThePlatform(t *testing.T) {
	files := fstest.MapFS{
		"tidegate.yaml":                    {Data: []byte(batchedPlatform)},
		"services/api/base/deployment.yml": {},
	}
	made, err := Rolling(files, "api")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := ParseApplicationSets("made", made)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, step := range sets[0].Spec.Strategy.RollingSync.Steps {
		text := strings.Join(step.MatchExpressions[0].Values, "+")
		if step.MaxUpdate != nil {
			text += " " + step.MaxUpdate.String()
		}
		steps = append(steps, text)
	}
	want := []string{
		"dev+staging", "canary-first 1", "canary-rest", "audit 0", "production-first 0", "production-second 25%", "production-rest 0",
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
	if sets[0].Name != "tidegate-api" {
		t.Error(sets[0].Name)
	}
}

func TestTheShippedRolloutIsWhatTheExamplesPlatformSays(t *testing.T) {
	made, err := Rolling(repositoryFiles(t, "../../examples/gitops-platform"), "payments-api")
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile("../../manifests/applicationset-rolling.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(shipped), string(made)); diff != "" {
		t.Error(diff)
	}
}

func repositoryFiles(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"tidegate.yaml", "services/payments-api/base/kustomization.yaml"} {
		content, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: content}
	}
	return files
}
