//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/test/controlplane"
)

func (s *suite) promotion() {
	staging, production := s.audit(s.Staging), s.audit(s.Production)
	before := s.workloads(s.Production)
	synced := s.application("payments-api-production").Status.OperationState.StartedAt
	started := revisionOf(s.application("payments-api-production"))

	revision := s.promote("staging", "sha-a1b2c3d", "sha-0ddba11")
	s.untilReported("Synced", "Healthy", "payments-api-staging")
	s.runs(s.Staging, "payments-staging", "sha-0ddba11", 2)
	s.touched(s.Staging, staging)
	if got := s.compared("payments-api-production"); got.Status.Sync.Status != "Synced" || got.Status.Sync.Revision != revision {
		s.Errorf("production is %+v, want it Synced at %s: its manifests are what they were", got.Status.Sync, revision)
	}

	released := s.promote("production", "v1.4.2", "v1.5.0")
	s.untilReported("OutOfSync", "Healthy", "payments-api-production")
	if got := s.compared("payments-api-production"); got.Operation != nil || got.Status.OperationState.StartedAt != synced {
		s.Errorf("production was synced with nobody asking for it: %+v", got.Status.OperationState)
	}
	s.untouched(s.Production, production, before)

	s.must(s.Sync(s.Context(), "payments-api-production"))
	s.untilReported("Synced", "Healthy", "payments-api-production")
	s.touched(s.Production, production)
	s.runs(s.Production, "payments-production", "v1.5.0", 5)
	s.told("devops-oncall", "payments-api-production: Succeeded, started by a human, "+s.web()+"/compare/"+started+"..."+released)
}

// promote changes the one line that CI changes, as a merged pull request does, and lets Argo CD know. It returns the commit.
func (s *suite) promote(environment, from, to string) string {
	s.Helper()
	file := "services/payments-api/overlays/" + environment + "/image-tag.yaml"
	content, err := s.Repository.Read(file)
	s.must(err)
	s.must(s.Repository.Write(file, strings.Replace(content, from, to, 1)))
	revision := s.push("chore(" + environment + "): promote payments-api to " + to)
	changed, err := s.Repository.Git("show", "--numstat", "--format=", revision)
	s.must(err)
	if diff := cmp.Diff("1\t1\t"+file, changed); diff != "" {
		s.Fatalf("a promotion is one line (-want +got):\n%s", diff)
	}
	s.compared("payments-api-" + environment)
	return revision
}

// compared has Argo CD compare an Application with the newest commit.
func (s *suite) compared(name string) *v1alpha1.Application {
	s.Helper()
	app, err := s.Reconcile(s.Context(), name, v1alpha1.RefreshTypeNormal)
	s.must(err)
	return app
}

// workloads are the pods of the services on a cluster, which are other ones after any restart.
func (s *suite) workloads(cluster *controlplane.Cluster) map[string]string {
	s.Helper()
	pods := map[string]string{}
	for _, namespace := range []string{"payments-dev", "payments-staging", "payments-production"} {
		for _, pod := range s.podsOf(cluster, namespace) {
			pods[namespace+"/"+pod.Name] = string(pod.UID)
		}
	}
	if len(pods) == 0 {
		s.Fatalf("cluster %s runs nothing", cluster.Name)
	}
	return pods
}

// audit begins an audit of a cluster.
func (s *suite) audit(cluster *controlplane.Cluster) *controlplane.Audit {
	s.Helper()
	audit, err := cluster.Audit()
	s.must(err)
	return audit
}

// writesOfArgoCD are what Argo CD has written to a cluster since an audit began, outside of its own namespace.
func (s *suite) writesOfArgoCD(audit *controlplane.Audit) []controlplane.Write {
	s.Helper()
	argoCD := []string{controlplane.Deployer, controlplane.ServiceAccount("argocd-application-controller")}
	writes, err := audit.Writes(func(w controlplane.Write) bool {
		return slices.Contains(argoCD, w.User) && w.Namespace != controlplane.Namespace
	})
	s.must(err)
	return writes
}

// touched fails the test unless an audit has seen Argo CD write to a cluster: untouched would see nothing either.
func (s *suite) touched(cluster *controlplane.Cluster, audit *controlplane.Audit) {
	s.Helper()
	if len(s.writesOfArgoCD(audit)) == 0 {
		s.Errorf("Argo CD has synced to cluster %s, and nobody has seen it write", cluster.Name)
	}
}

// untouched fails the test if Argo CD has written to a cluster since an audit began, or if pods are other ones than before.
func (s *suite) untouched(cluster *controlplane.Cluster, audit *controlplane.Audit, before map[string]string) {
	s.Helper()
	if writes := s.writesOfArgoCD(audit); len(writes) > 0 {
		s.Errorf("Argo CD has written to cluster %s: %v", cluster.Name, writes)
	}
	if after := s.workloads(cluster); !maps.Equal(before, after) {
		s.Errorf("pods of cluster %s (-before +after):\n%s", cluster.Name, cmp.Diff(before, after))
	}
}
