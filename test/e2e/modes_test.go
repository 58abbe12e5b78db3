//go:build e2e

package e2e

import (
	"errors"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/test/controlplane"
)

// bothModes replaces the native server, which the parts before have used, by Argo CD's own.
func (s *suite) bothModes() {
	native, refusal := s.rendered(), s.refusal()
	s.must(s.Tidegate.RestartPlugin(s.Context(), controlplane.Exec))
	if diff := cmp.Diff(native, s.rendered()); diff != "" {
		s.Errorf("manifests (-native +exec):\n%s", diff)
	}
	if got := s.refusal(); !strings.Contains(got, refusal) {
		s.Errorf("the error of a broken overlay is %q, want %q in it, as the native server says", got, refusal)
	}
	for name := range s.byPlugin() {
		app, err := s.Reconcile(s.Context(), name, v1alpha1.RefreshTypeHard)
		s.must(err)
		if strings.HasSuffix(name, "-staging") && app.Status.Sync.Status != v1alpha1.SyncStatusCodeSynced {
			s.Errorf("%s is %s by the other server", name, app.Status.Sync.Status)
		}
	}
	s.promote("staging", "sha-0ddba11", "sha-cafe000")
	s.untilReported("Synced", "Healthy", "payments-api-staging")
	s.runs(s.Staging, "payments-staging", "sha-cafe000", 6)
}

// rendered are the manifests of every Application that the plugin renders.
func (s *suite) rendered() map[string][]*unstructured.Unstructured {
	s.Helper()
	out := map[string][]*unstructured.Unstructured{}
	for name, app := range s.byPlugin() {
		manifests, err := s.ArgoCD.Manifests(s.Context(), "main", &app)
		s.must(err)
		if len(manifests) == 0 {
			s.Fatalf("%s: no manifests", name)
		}
		out[name] = manifests
	}
	return out
}

// refusal is what the plugin says of an overlay that has nothing in it but a mistake.
func (s *suite) refusal() string {
	s.Helper()
	s.git("checkout", "--quiet", "--detach")
	defer s.git("checkout", "--quiet", "main")
	s.must(s.Repository.Write("services/payments-api/overlays/staging/kustomization.yaml", "resources:\n  - missing.yaml\n"))
	s.git("commit", "--quiet", "--all", "--message", "A mistake")
	s.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/mistake")
	_, err := s.ArgoCD.Manifests(s.Context(), s.git("rev-parse", "HEAD"), s.application("payments-api-staging"))
	if err == nil {
		s.Fatal("a mistake was rendered")
	}
	return stem(err)
}

// stem is what the plugin itself says in an error.
func stem(err error) string {
	text := errors.Unwrap(err)
	if text == nil {
		text = err
	}
	_, after, found := strings.Cut(text.Error(), "services/")
	if !found {
		return text.Error()
	}
	line, _, _ := strings.Cut("services/"+after, "\n")
	return line
}
