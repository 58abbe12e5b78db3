//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane"
)

// bothModes replaces the native server, which the parts before have used, by Argo CD's own.
func (s *suite) bothModes() {
	s.withParameters()
	s.delivers("native")
	s.parityOf("ledger-worker-staging", "ledger-worker-production") // now with parameters
	s.answeredBy(s.Tidegate.Server("tidegate-plugin"))
	native, refusal := s.rendered(), s.refusal()
	s.must(s.Tidegate.RestartPlugin(s.Context(), controlplane.Exec))
	s.answeredBy(s.Program("argocd"))
	if diff := cmp.Diff(native, s.rendered()); diff != "" {
		s.Errorf("manifests (-native +exec):\n%s", diff)
	}
	if got := s.refusal(); !strings.Contains(got, refusal) {
		s.Errorf("the error of a broken overlay is %q, want %q in it, as the native server says", got, refusal)
	}
	s.staySynced()
	s.must(s.Repository.Replace("{SERVER: native}", "{SERVER: exec}"))
	s.push("Another parameter for ledger-worker")
	s.delivers("exec")
	s.promote("staging", "sha-0ddba11", "sha-cafe000")
	s.untilReported("Synced", "Healthy", "payments-api-staging")
	s.runs(s.Staging, "payments-staging", "sha-cafe000", 6)
}

// staySynced has Argo CD render everything anew, all at once, and fails the test if anything in staging differs then.
func (s *suite) staySynced() {
	s.Helper()
	var all errgroup.Group
	for name := range s.byPlugin() {
		all.Go(func() error {
			app, err := s.Reconcile(s.Context(), name, v1alpha1.RefreshTypeHard)
			if err == nil && strings.HasSuffix(name, "-staging") && app.Status.Sync.Status != v1alpha1.SyncStatusCodeSynced {
				err = fmt.Errorf("%s is %s by the other server", name, app.Status.Sync.Status)
			}
			return err
		})
	}
	s.must(all.Wait())
}

// answeredBy fails the test unless repo-server is answered by a program. Argo CD's is called argocd-cmp-server by a variable.
func (s *suite) answeredBy(program string) {
	s.Helper()
	got, err := s.Tidegate.PluginProgram()
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	s.must(err)
	if got != program {
		s.Errorf("repo-server is answered by %s, want %s", got, program)
	}
}

// withParameters gives the Applications of ledger-worker parameters of the plugin: waves, and a substitution that its
// ConfigMap needs.
func (s *suite) withParameters() {
	s.Helper()
	platform, err := s.Repository.Read("tidegate.yaml")
	s.must(err)
	s.must(s.Repository.Write("tidegate.yaml", platform+
		"\nservices:\n  ledger-worker:\n    plugin: {waves: minimal, substitutions: {SERVER: native}}\n"))
	config, err := s.Repository.Read("services/ledger-worker/base/configmap.yaml")
	s.must(err)
	s.must(s.Repository.Write("services/ledger-worker/base/configmap.yaml", config+"  server: ${SERVER}\n"))
	s.push("Parameters for ledger-worker")
}

// delivers waits until ledger-worker is delivered to staging with its parameters: a ConfigMap with the substitution, and
// without the wave that is given where waves are not minimal.
func (s *suite) delivers(server string) {
	s.Helper()
	s.must(s.Generate(s.Context(), "tidegate-services"))
	s.until("ledger-worker is delivered with SERVER="+server, func(ctx context.Context) error {
		config := &corev1.ConfigMap{}
		if err := s.Staging.Get(ctx, client.ObjectKey{Namespace: "payments-staging", Name: "ledger-worker"}, config); err != nil {
			return err
		}
		if wave, planned := config.Annotations["argocd.argoproj.io/sync-wave"]; planned || config.Data["server"] != server {
			return fmt.Errorf("its ConfigMap has server %q, and wave %q", config.Data["server"], wave)
		}
		return nil
	})
	s.untilReported("Synced", "Healthy", "ledger-worker-staging")
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
