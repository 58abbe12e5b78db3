package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

// TestThePatchesOfThePluginsPageFitArgoCD applies them in their order to what Argo CD ships, as kubectl does.
func TestThePatchesOfThePluginsPageFitArgoCD(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v2")
	list.Dir = root
	argocd, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(argocd)), "manifests/base/repo-server/argocd-repo-server-deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := yaml.YAMLToJSON(shipped)
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^kubectl patch deployment argocd-repo-server --namespace argocd --patch(?:-file (\S+)| '(.*)')$`)
	var got []int
	for _, match := range command.FindAllStringSubmatch(read(t, "docs/plugin.md"), -1) {
		patch := match[2]
		if match[1] != "" {
			patch = read(t, match[1])
		}
		asJSON, err := yaml.YAMLToJSON([]byte(patch))
		if err != nil {
			t.Fatal(err)
		}
		if deployment, err = strategicpatch.StrategicMergePatch(deployment, asJSON, appsv1.Deployment{}); err != nil {
			t.Fatalf("%s: %v", match[0], err)
		}
		var patched appsv1.Deployment
		if err := yaml.UnmarshalStrict(deployment, &patched); err != nil {
			t.Fatalf("%s: %v", match[0], err)
		}
		got = append(got, len(patched.Spec.Template.Spec.Containers))
	}
	if diff := cmp.Diff([]int{2, 1}, got); diff != "" {
		t.Errorf("containers of repo-server after each patch (-want +got):\n%s", diff)
	}
}

// TestTheHelmValuesAreThePatches: whoever installs with the chart has what everybody else has.
func TestTheHelmValuesAreThePatches(t *testing.T) {
	var values struct {
		Configs    struct{ Params map[string]string }
		RepoServer struct{ ExtraContainers []corev1.Container }
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "examples/argocd/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict([]byte(read(t, "examples/argocd/repo-server.yaml")), &deployment); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(deployment.Spec.Template.Spec.Containers, values.RepoServer.ExtraContainers); diff != "" {
		t.Errorf("containers (-patch +values):\n%s", diff)
	}
	var params corev1.ConfigMap
	if err := yaml.UnmarshalStrict([]byte(read(t, "examples/argocd/cmd-params.yaml")), &params); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(params.Data, values.Configs.Params); diff != "" {
		t.Errorf("parameters (-ConfigMap +values):\n%s", diff)
	}
}
