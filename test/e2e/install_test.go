//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane"
)

// TestTidegateIsInstalledByTheCommandsOfItsPages runs those that need a cluster, as they stand there. The Pods that come of it are
// simulated, as all are.
func TestTidegateIsInstalledByTheCommandsOfItsPages(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("until the Secret is there"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, controlplane.Options{StagingOnly: true, GeneratorArgs: []string{"--token-file=" + token}})
	s.part("the generator", func(s *suite) { s.installGenerator(token) })
	s.part("the plugin", (*suite).installPlugin)
}

// installGenerator runs the commands of docs/generator.md. A generator of this test's own answers in place of the Pods: its
// token is in a file that they write.
func (s *suite) installGenerator(token string) {
	// What the control plane has installed itself.
	s.must(s.Staging.Delete(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: "tidegate-generator"}}))
	root, err := controlplane.Root()
	s.must(err)
	blocks := commands(s, root, "docs/generator.md")
	if len(blocks) != 6 {
		s.Fatalf("the page has %d blocks with kubectl", len(blocks))
	}
	install, upgrade, remove, why, deliver, notify := blocks[0], blocks[1], blocks[2], blocks[3], blocks[4], blocks[5]
	// A root with the URL of the repository, as the page wants it.
	content, err := os.ReadFile(filepath.Join(root, "manifests", "root.yaml"))
	s.must(err)
	own := filepath.Join(s.TempDir(), "root.yaml")
	s.must(os.WriteFile(own, bytes.ReplaceAll(content, []byte("https://github.com/myorg/gitops-platform"), []byte(s.Repository.URL)), 0o600))
	run := func(block string, want ...string) {
		s.Helper()
		said := s.shell(root, regexp.MustCompile(`(?m)^kubectl port-forward .*$`).ReplaceAllString(block, ""), map[string]string{
			"http://localhost:8080": s.Tidegate.GeneratorURL, "/tmp/token": token, "manifests/root.yaml": own,
		})
		for _, want := range want {
			if !strings.Contains(said, want) {
				s.Errorf("nobody has said %q:\n%s", want, said)
			}
		}
	}
	// Its address in the cluster is none on this machine.
	reach := fmt.Sprintf("kubectl patch configmap tidegate-generator --namespace argocd --patch '{\"data\": {\"baseUrl\": %q}}'\n", s.Tidegate.GeneratorURL)
	s.must(s.Staging.ApplyFile(s.Context(), "examples/gitops-platform/clusters/staging/argocd-apps/projects.yaml", "https://github.com/myorg/gitops-platform", s.Repository.URL))
	run(install+reach, `deployment "tidegate-generator" successfully rolled out`, "networkpolicy.networking.k8s.io/tidegate-generator created",
		"poddisruptionbudget.policy/tidegate-generator created")
	run(upgrade, `deployment "tidegate-generator" successfully rolled out`)
	run(why, "payments-api-production", "services/payments-api/overlays/production is in the repository", "tidegate-services: ")
	made := s.untilOwned(true)
	s.untilGarbageIsCollected()
	run(remove, `applicationset.argoproj.io "tidegate-services" deleted`, `deployment.apps "tidegate-generator" deleted`, `secret "tidegate-generator" deleted`,
		`lease.coordination.k8s.io "tidegate-generator" deleted`)
	if diff := cmp.Diff(made, s.untilOwned(false)); diff != "" {
		s.Errorf("without Tidegate Applications are others:\n%s", diff)
	}
	run(install+reach, `deployment "tidegate-generator" successfully rolled out`)
	run(why, "payments-api-production")
	if diff := cmp.Diff(made, s.untilOwned(true)); diff != "" {
		s.Errorf("after it came back Applications are others:\n%s", diff)
	}
	run(notify, "configmap/argocd-notifications-cm patched")
	run(deliver, "configmap/argocd-cm patched", "application.argoproj.io/argocd-apps created")
}

// untilOwned waits until the Applications of the example are there, and belong to an ApplicationSet, or to nothing. It returns the
// UIDs of all Applications by name.
func (s *suite) untilOwned(owned bool) map[string]types.UID {
	s.Helper()
	uids := map[string]types.UID{}
	s.until(fmt.Sprintf("Applications belong to an ApplicationSet: %t", owned), func(ctx context.Context) error {
		clear(uids)
		var apps v1alpha1.ApplicationList
		if err := s.Staging.List(ctx, &apps, client.InNamespace(controlplane.Namespace)); err != nil {
			return err
		}
		for _, app := range apps.Items {
			if uids[app.Name] = app.UID; app.DeletionTimestamp != nil || (len(app.OwnerReferences) > 0) != owned {
				return fmt.Errorf("%s belongs to %v, and is deleted at %v", app.Name, app.OwnerReferences, app.DeletionTimestamp)
			}
		}
		for _, name := range append(append([]string{"cluster-config-staging", "cluster-config-production"}, inStaging...), inProduction...) {
			if uids[name] == "" {
				return fmt.Errorf("there are only %v", uids)
			}
		}
		return nil
	})
	return uids
}

// untilGarbageIsCollected waits until the garbage collector knows of Applications. Of kinds that are new it learns every 30
// seconds; if an owner is deleted before, those of its dependents that it has not seen are not orphaned but deleted.
func (s *suite) untilGarbageIsCollected() {
	s.Helper()
	orphan := &v1alpha1.Application{
		ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: "orphan", OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Name: "gone", UID: "00000000-0000-0000-0000-000000000000"},
		}},
		Spec: v1alpha1.ApplicationSpec{Project: "default", Source: &v1alpha1.ApplicationSource{RepoURL: s.Repository.URL, Path: "."}},
	}
	s.must(s.Staging.Create(s.Context(), orphan))
	s.until("an Application is deleted whose owner is gone", func(ctx context.Context) error {
		err := s.Staging.Get(ctx, client.ObjectKeyFromObject(orphan), &v1alpha1.Application{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.New("it is there")
	})
}

// installPlugin runs the commands of docs/plugin.md on the Deployment of Argo CD's own manifests. The sidecar itself is tested in
// test/image.
func (s *suite) installPlugin() {
	argocd, err := controlplane.ModuleFolder(s.Context(), "github.com/argoproj/argo-cd/v2")
	s.must(err)
	content, err := os.ReadFile(filepath.Join(argocd, "manifests", "base", "repo-server", "argocd-repo-server-deployment.yaml"))
	s.must(err)
	objects, err := controlplane.Objects(content)
	s.must(err)
	s.must(s.Staging.Apply(s.Context(), objects...))
	// Argo CD makes it when it is installed.
	s.must(s.Staging.Create(s.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: "argocd-redis"}, StringData: map[string]string{"auth": "any"},
	}))
	root, err := controlplane.Root()
	s.must(err)
	blocks := commands(s, root, "docs/plugin.md")
	if len(blocks) != 2 {
		s.Fatalf("the page has %d blocks with kubectl", len(blocks))
	}
	// There is no kubelet that would have a log.
	said := s.shell(root, regexp.MustCompile(`(?m)^kubectl logs .*$`).ReplaceAllString(blocks[0], ""), nil)
	if !strings.Contains(said, `deployment "argocd-repo-server" successfully rolled out`) {
		s.Errorf("it has not come up:\n%s", said)
	}
	s.untilContainers("argocd-repo-server", "tidegate")
	var parameters corev1.ConfigMap
	s.must(s.Staging.Get(s.Context(), client.ObjectKey{Namespace: controlplane.Namespace, Name: "argocd-cmd-params-cm"}, &parameters))
	if parameters.Data["reposerver.plugin.use.manifest.generate.paths"] != "true" {
		s.Errorf("the parameters are %v", parameters.Data)
	}
	s.shell(root, blocks[1], nil)
	s.untilContainers("argocd-repo-server")
}

// untilContainers waits until the Pods of repo-server have these containers, and no others, and are ready.
func (s *suite) untilContainers(want ...string) {
	s.Helper()
	s.until(fmt.Sprintf("repo-server is %q", want), func(ctx context.Context) error {
		var pods corev1.PodList
		err := s.Staging.List(ctx, &pods, client.InNamespace(controlplane.Namespace), client.MatchingLabels{"app.kubernetes.io/name": "argocd-repo-server"})
		if err != nil {
			return err
		}
		if len(pods.Items) != 1 {
			return fmt.Errorf("there are %d Pods", len(pods.Items))
		}
		var ready []string
		for _, container := range pods.Items[0].Status.ContainerStatuses {
			if container.Ready {
				ready = append(ready, container.Name)
			}
		}
		if slices.Sort(ready); !slices.Equal(ready, want) || len(pods.Items[0].Spec.Containers) != len(want) {
			return fmt.Errorf("ready are %q", ready)
		}
		return nil
	})
}

// commands are the blocks of a page of the documentation that need a cluster.
func commands(s *suite, root, name string) (out []string) {
	s.Helper()
	page, err := os.ReadFile(filepath.Join(root, name))
	s.must(err)
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], "kubectl ") {
			out = append(out, block[1])
		}
	}
	return out
}

// shell runs commands as somebody does who follows the page, with other addresses.
func (s *suite) shell(dir, commands string, instead map[string]string) string {
	s.Helper()
	for there, here := range instead {
		commands = strings.ReplaceAll(commands, there, here)
	}
	shell := exec.CommandContext(s.Context(), "bash", "-euo", "pipefail", "-c", commands)
	shell.Dir = dir
	shell.Env = append(os.Environ(), "KUBECONFIG="+s.Staging.Kubeconfig,
		"PATH="+strings.Join([]string{filepath.Dir(s.Tidegate.Binary("tidegate")), filepath.Dir(s.Kubectl()), os.Getenv("PATH")}, ":"))
	output, err := shell.CombinedOutput()
	if err != nil {
		s.Fatalf("%v\n%s\n%s", err, commands, output)
	}
	return string(output)
}
