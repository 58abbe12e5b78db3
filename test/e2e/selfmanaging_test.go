//go:build e2e

package e2e

import (
	"context"
	"maps"
	"path"
	"slices"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// selfManaging changes the repository, and nothing else. The service that it adds stays, in all its environments.
func (s *suite) selfManaging() {
	s.part("a new file is a new Application, and goes with it", (*suite).newFile)
	s.part("a new service is an Application in each of its environments", (*suite).newService)
	s.part("a broken overlay is nobody else's trouble", (*suite).brokenOverlay)
	s.must(s.Sync(s.Context(), "reports-production"))
	s.untilReported("Synced", "Healthy", "reports-production")
}

// dashboards is an add-on: an Application in a file of its own, and what it delivers.
func (s *suite) dashboards() map[string]string {
	return map[string]string{
		"clusters/staging/argocd-apps/dashboards.yaml": `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: dashboards
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: platform
  source: {repoURL: "` + s.Repository.URL + `", targetRevision: main, path: addons/dashboards}
  destination: {server: https://kubernetes.default.svc, namespace: monitoring}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true]
`,
		"addons/dashboards/configmap.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dashboards}\ndata: {payments: '{}'}\n",
	}
}

func (s *suite) newFile() {
	s.write(s.dashboards())
	s.push("Add dashboards")
	s.compared("argocd-apps")
	s.untilReported("Synced", "Healthy", "argocd-apps", "dashboards")
	delivered := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "dashboards"}}
	s.must(s.Staging.Get(s.Context(), client.ObjectKeyFromObject(delivered), delivered))

	s.must(s.Repository.Remove("clusters/staging/argocd-apps/dashboards.yaml"))
	s.push("Remove dashboards")
	s.compared("argocd-apps")
	s.untilGone("ConfigMap dashboards", delivered)
	s.untilGone("Application dashboards", &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "dashboards"}})
}

// write writes files of the clone.
func (s *suite) write(files map[string]string) {
	s.Helper()
	for name, content := range files {
		s.must(s.Repository.Write(name, content))
	}
}

// reports is a service of two environments.
var reports = map[string]string{
	"base/kustomization.yaml": "resources: [deployment.yaml]\n",
	"base/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: reports
spec:
  selector: {matchLabels: {app: reports}}
  template:
    metadata: {labels: {app: reports}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: reports
          image: ghcr.io/myorg/reports
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`,
	"overlays/staging/kustomization.yaml": `namespace: payments-staging
resources: [../../base]
components:
- image-tag.yaml
`,
	"overlays/staging/image-tag.yaml": "kind: Kustomization\nimages: [{name: ghcr.io/myorg/reports, newTag: sha-1111111}]\n",
	"overlays/production/kustomization.yaml": `namespace: payments-production
resources: [../../base]
components:
- image-tag.yaml
`,
	"overlays/production/image-tag.yaml": "kind: Kustomization\nimages: [{name: ghcr.io/myorg/reports, newTag: v1.0.0}]\n",
}

func (s *suite) newService() {
	others := s.essentials()
	for name, content := range reports {
		s.must(s.Repository.Write(path.Join("services/reports", name), content))
	}
	s.push("Add reports")
	s.must(s.Generate(s.Context(), "tidegate-services"))
	s.untilReported("Synced", "Healthy", "reports-staging")
	s.untilReported("OutOfSync", "Missing", "reports-production")

	s.parityOf("reports-staging", "reports-production")
	now := s.essentials()
	delete(now, "reports-staging")
	delete(now, "reports-production")
	s.must(differ(others, now))
}

func (s *suite) brokenOverlay() {
	before, pods := s.essentials(), s.workloads(s.Staging)
	s.write(map[string]string{"services/reports/overlays/staging/kustomization.yaml": "namespace: payments-staging\nresources: [../../bas]\n"})
	revision := s.push("A mistake")
	s.until("the generator answers from the mistake", func(ctx context.Context) error { return s.Tidegate.Serves(ctx, revision) })
	for _, set := range applicationSets {
		s.must(s.Generate(s.Context(), set))
	}
	s.reportsError(s.compared("reports-staging"),
		"overlays/staging/kustomization.yaml:2: resources: ../../bas: no such file or folder")

	s.must(differ(before, s.essentials()))
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if name == "reports-staging" {
			continue
		}
		if app := s.compared(name); app.Status.Sync.Revision != revision || len(app.Status.Conditions) > 0 {
			s.Errorf("%s is compared with %s, want %s; it complains: %+v", name, app.Status.Sync.Revision, revision, app.Status.Conditions)
		}
	}
	if now := s.workloads(s.Staging); !maps.Equal(pods, now) {
		s.Errorf("pods were %v and are %v", pods, now)
	}

	s.write(map[string]string{"services/reports/overlays/staging/kustomization.yaml": reports["overlays/staging/kustomization.yaml"]})
	s.push("Repaired")
	s.compared("reports-staging")
	s.untilReported("Synced", "Healthy", "reports-staging")
}
