// Package example holds the example repository to what it promises, with exact values.
package example

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

const repo = "../../examples/gitops-platform"

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	os.Exit(m.Run())
}

// objects renders a folder of a repository.
func objects(t *testing.T, repo, dir string) []manifest.Object {
	t.Helper()
	tree, err := render.OpenDisk(repo)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	result, err := render.Once().Render(t.Context(), render.Request{Tree: tree, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return result.Objects
}

// find returns the one object of a kind.
func find(t *testing.T, objects []manifest.Object, kind string) manifest.Object {
	t.Helper()
	var found []manifest.Object
	for _, object := range objects {
		if object.Kind() == kind {
			found = append(found, object)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, want one", len(found), kind)
	}
	return found[0]
}

func TestOverlaysOfPaymentsAPI(t *testing.T) {
	for _, test := range []struct {
		environment string
		tag         string
		replicas    int64
		kinds       string
	}{
		{"dev", "sha-b7e4f02", 1, "ServiceAccount ConfigMap Service Deployment HorizontalPodAutoscaler ExternalSecret SecretStore"},
		{"staging", "sha-a1b2c3d", 2, "ServiceAccount ConfigMap Service Deployment HorizontalPodAutoscaler ExternalSecret SecretStore"},
		{"production", "v1.4.2", 5, "ServiceAccount ConfigMap Service Deployment PodDisruptionBudget HorizontalPodAutoscaler ExternalSecret SecretStore"},
	} {
		t.Run(test.environment, func(t *testing.T) {
			all := objects(t, repo, "services/payments-api/overlays/"+test.environment)
			var kinds []string
			for _, object := range all {
				kinds = append(kinds, object.Kind())
				if object.Namespace() != "payments-"+test.environment {
					t.Errorf("%s is not in the environment's namespace", object.ID())
				}
			}
			if diff := cmp.Diff(test.kinds, strings.Join(kinds, " ")); diff != "" {
				t.Errorf("kinds (-want +got):\n%s", diff)
			}
			deployment := find(t, all, "Deployment")
			container := deployment.List("spec", "template", "spec", "containers")[0].(map[string]any)
			got := map[string]any{
				"image":       container["image"],
				"replicas":    deployment.Value("spec", "replicas"),
				"label":       deployment.Labels()["version"],
				"pod label":   deployment.String("spec", "template", "metadata", "labels", "version"),
				"secrets lie": find(t, all, "ExternalSecret").List("spec", "dataFrom")[0].(map[string]any)["extract"],
			}
			want := map[string]any{
				"image":       "ghcr.io/myorg/payments-api:" + test.tag,
				"replicas":    test.replicas,
				"label":       test.tag,
				"pod label":   test.tag,
				"secrets lie": map[string]any{"key": test.environment + "/payments-api"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodOfPaymentsAPI(t *testing.T) {
	deployment := find(t, objects(t, repo, "services/payments-api/overlays/staging"), "Deployment")
	template := manifest.Object(deployment.Map("spec", "template"))
	container := manifest.Object(template.List("spec", "containers")[0].(map[string]any))
	probe := func(name string) []any {
		return []any{
			container.Value(name, "httpGet", "path"), container.Value(name, "httpGet", "port"),
			container.Value(name, "initialDelaySeconds"), container.Value(name, "periodSeconds"),
		}
	}
	security := template.Map("spec", "securityContext")
	got := map[string]any{
		"app":              template.Labels()["app"],
		"annotations":      template.Annotations(),
		"account":          template.String("spec", "serviceAccountName"),
		"runAsNonRoot":     security["runAsNonRoot"],
		"runAsUser":        security["runAsUser"],
		"fsGroup":          security["fsGroup"],
		"container":        container["name"],
		"port":             container.List("ports")[0].(map[string]any)["containerPort"],
		"readiness":        probe("readinessProbe"),
		"liveness":         probe("livenessProbe"),
		"requests":         container.Value("resources", "requests"),
		"limits":           container.Value("resources", "limits"),
		"secrets from":     container.List("envFrom")[1].(map[string]any)["secretRef"],
		"produced secrets": find(t, objects(t, repo, "services/payments-api/overlays/staging"), "ExternalSecret").String("spec", "target", "name"),
	}
	want := map[string]any{
		"app":              "payments-api",
		"annotations":      map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
		"account":          "payments-api",
		"runAsNonRoot":     true,
		"runAsUser":        int64(1000),
		"fsGroup":          int64(2000),
		"container":        "api",
		"port":             int64(8080),
		"readiness":        []any{"/healthz/ready", int64(8080), int64(5), int64(10)},
		"liveness":         []any{"/healthz/live", int64(8080), int64(15), int64(20)},
		"requests":         map[string]any{"cpu": "200m", "memory": "256Mi"},
		"limits":           map[string]any{"cpu": "1000m", "memory": "512Mi"},
		"secrets from":     map[string]any{"name": "payments-api-secrets"},
		"produced secrets": "payments-api-secrets",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPromotionIsOneLine edits the one line that CI edits, and looks at what changes.
func TestPromotionIsOneLine(t *testing.T) {
	dir := "services/payments-api/overlays/staging"
	copied := copyExample(t)
	edit(t, copied, dir+"/image-tag.yaml", "sha-a1b2c3d", "sha-0ddba11")
	before, after := yaml(t, repo, dir), yaml(t, copied, dir)
	if want := strings.ReplaceAll(before, "sha-a1b2c3d", "sha-0ddba11"); want != after || strings.Count(before, "sha-a1b2c3d") != 3 {
		t.Errorf("a promotion changes image and labels, and nothing else (-want +got):\n%s", cmp.Diff(want, after))
	}
}

// TestBothFormsOfImageTagGiveTheSame turns the file into the directory that stock kustomize takes, and the other way round.
func TestBothFormsOfImageTagGiveTheSame(t *testing.T) {
	for _, environment := range []string{"dev", "staging", "production"} {
		dir := "services/payments-api/overlays/" + environment
		t.Run(dir, func(t *testing.T) {
			copied := copyExample(t)
			rename(t, copied, dir+"/image-tag.yaml", dir+"/image-tag/kustomization.yaml")
			edit(t, copied, dir+"/image-tag/kustomization.yaml", "kind: Kustomization", "kind: Component")
			edit(t, copied, dir+"/image-tag/kustomization.yaml", "v1beta1", "v1alpha1")
			edit(t, copied, dir+"/kustomization.yaml", "- image-tag.yaml", "- image-tag")
			if diff := cmp.Diff(yaml(t, repo, dir), yaml(t, copied, dir)); diff != "" {
				t.Errorf("(-file +directory):\n%s", diff)
			}
		})
	}
	for _, environment := range []string{"staging", "production"} {
		dir := "services/ledger-worker/overlays/" + environment
		t.Run(dir, func(t *testing.T) {
			copied := copyExample(t)
			rename(t, copied, dir+"/image-tag/kustomization.yaml", dir+"/image-tag.yaml")
			edit(t, copied, dir+"/kustomization.yaml", "- image-tag", "- image-tag.yaml")
			if diff := cmp.Diff(yaml(t, repo, dir), yaml(t, copied, dir)); diff != "" {
				t.Errorf("(-directory +file):\n%s", diff)
			}
		})
	}
}

func TestClustersHoldTheNamespacesOfTheirServices(t *testing.T) {
	for cluster, environments := range map[string][]string{"staging": {"dev", "staging"}, "production": {"production"}} {
		t.Run(cluster, func(t *testing.T) {
			got := map[string]bool{}
			for _, object := range objects(t, repo, "clusters/"+cluster+"/cluster-config") {
				if object.Kind() == "Namespace" {
					got[object.Name()] = true
				}
			}
			for _, environment := range environments {
				if !got["payments-"+environment] {
					t.Errorf("no namespace payments-%s", environment)
				}
			}
			applications, err := filepath.Glob(filepath.Join(repo, "clusters", cluster, "argocd-apps", "*.yaml"))
			if err != nil || len(applications) == 0 {
				t.Errorf("no hand-written Applications: %v", err)
			}
		})
	}
}

func yaml(t *testing.T, repo, dir string) string {
	t.Helper()
	stream, err := manifest.YAML(objects(t, repo, dir))
	if err != nil {
		t.Fatal(err)
	}
	return string(stream)
}

func copyExample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(repo)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func edit(t *testing.T, repo, name, old, replacement string) {
	t.Helper()
	path := filepath.Join(repo, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(content), old, replacement, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, repo, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(repo, filepath.Dir(to)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(repo, from), filepath.Join(repo, to)); err != nil {
		t.Fatal(err)
	}
}
