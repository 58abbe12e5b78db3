//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/test/controlplane"
)

// TestTheGeneratorIsInstalledByTheCommandsOfItsPage runs those of docs/generator.md that need a cluster, as they stand there.
// The Pods that come of it are simulated, as all are: a generator of this test's own answers in their place.
func TestTheGeneratorIsInstalledByTheCommandsOfItsPage(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("until the Secret is there"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, controlplane.Options{GeneratorArgs: []string{"--token-file=" + token}})
	// What the control plane has installed itself.
	s.must(s.Staging.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.Namespace, Name: "tidegate-generator"}}))
	root, err := controlplane.Root()
	s.must(err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "generator.md"))
	s.must(err)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	var said strings.Builder
	ran := 0
	for _, block := range blocks {
		if !strings.Contains(block[1], "kubectl ") {
			continue
		}
		ran++
		said.WriteString(s.shell(root, regexp.MustCompile(`(?m)^kubectl port-forward .*$`).ReplaceAllString(block[1], ""), map[string]string{
			"http://localhost:8080": s.Tidegate.GeneratorURL, "/tmp/token": token,
		}))
	}
	if ran != 2 {
		t.Errorf("the page has %d blocks with kubectl", ran)
	}
	for _, want := range []string{
		`deployment "tidegate-generator" successfully rolled out`, "networkpolicy.networking.k8s.io/tidegate-generator created",
		"poddisruptionbudget.policy/tidegate-generator created", "payments-api-production",
		"services/payments-api/overlays/production is in the repository",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nobody has said %q:\n%s", want, &said)
		}
	}
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
