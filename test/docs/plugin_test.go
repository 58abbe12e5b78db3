package docs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

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
