package platform_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/internal/platform"
)

const layered = head + `
defaults:
  project: shared
  repoURL: https://example.com/repo
  targetRevision: main
  labels: {team: platform, tier: none}
  values: {A: defaults, B: defaults, C: defaults, D: defaults}
  ignoreDifferences: [{kind: ConfigMap, jsonPointers: [/data]}]
  plugin: {waves: minimal, policy: warn}
  syncPolicy: {automated: {prune: true}, syncOptions: [CreateNamespace=true]}
environments:
  - name: staging
    clusterSelector: {}
    targetRevision: next
    labels: {tier: staging}
    values: {B: environment, C: environment, D: environment}
    plugin: {policy: enforce}
  - name: production
    clusterSelector: {}
    syncPolicy: {}
    finalizers: []
services:
  payments-api:
    project: payments
    values: {D: service}
    ignoreDifferences: [{kind: Secret, jsonPointers: [/data]}]
    environments:
      staging:
        syncPolicy: {automated: {}}
`

func TestAMoreParticularPlaceWins(t *testing.T) {
	p, err := platform.Parse("tidegate.yaml", []byte(layered))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, service, environment, want string }{
		{"the environment over the defaults, the cluster over the environment", "ledger-worker", "staging", `
finalizers: [resources-finalizer.argocd.argoproj.io]
ignoreDifferences: [{jsonPointers: [/data], kind: ConfigMap}]
labels: {team: platform, tier: staging}
plugin: {policy: enforce, waves: minimal}
project: shared
repoURL: https://example.com/repo
syncPolicy: {automated: {prune: true}, syncOptions: [CreateNamespace=true]}
targetRevision: next
values: {A: defaults, B: environment, C: cluster, D: cluster}
`},
		{"the service over the cluster, its environment over all", "payments-api", "staging", `
finalizers: [resources-finalizer.argocd.argoproj.io]
ignoreDifferences: [{jsonPointers: [/data], kind: ConfigMap}, {jsonPointers: [/data], kind: Secret}]
labels: {team: platform, tier: staging}
plugin: {policy: enforce, waves: minimal}
project: payments
repoURL: https://example.com/repo
syncPolicy: {automated: {}}
targetRevision: next
values: {A: defaults, B: environment, C: cluster, D: service}
`},
		{"nothing can be said too", "ledger-worker", "production", `
finalizers: []
ignoreDifferences: [{jsonPointers: [/data], kind: ConfigMap}]
labels: {team: platform, tier: none}
plugin: {policy: warn, waves: minimal}
project: shared
repoURL: https://example.com/repo
syncPolicy: {}
targetRevision: main
values: {A: defaults, B: defaults, C: cluster, D: cluster}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := p.For(test.service, test.environment, map[string]string{"C": "cluster", "D": "cluster"})
			if diff := cmp.Diff(normal(t, []byte(test.want)), normal(t, marshal(t, got))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	out, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func normal(t *testing.T, document []byte) string {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(document, &value); err != nil {
		t.Fatal(err)
	}
	return string(marshal(t, value))
}
