package manifests_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v2/reposerver/repository"
	"github.com/argoproj/argo-cd/v2/util/git"
	argoio "github.com/argoproj/argo-cd/v2/util/io"
	"github.com/argoproj/argo-cd/v2/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/preview"
	"github.com/tidegate/tidegate/plugin/render"
)

const example = "../examples/gitops-platform"

// crd is the schema of one of Argo CD's kinds, from the module that it comes with.
type crd struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
}

func readCRD(t *testing.T, file string) crd {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "manifests/crds", file))
	if err != nil {
		t.Fatal(err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &definition); err != nil {
		t.Fatal(err)
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(definition.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		t.Fatal(err)
	}
	return crd{structural, validator}
}

var trackUnknown = schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}

// check finds what the API server would refuse, and what it would silently drop.
func (c crd) check(t *testing.T, name string, object map[string]any) {
	t.Helper()
	for _, problem := range validation.ValidateCustomResource(nil, object, c.validator) {
		t.Errorf("%s: %v", name, problem)
	}
	dropped := pruning.PruneWithOptions(runtime.DeepCopyJSON(object), c.structural, true, trackUnknown)
	if len(dropped) > 0 {
		t.Errorf("%s has fields that the API server drops: %v", name, dropped)
	}
}

func read(t *testing.T, file string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.UnmarshalStrict(content, &object); err != nil {
		t.Fatal(err)
	}
	return asSent(t, object)
}

// asSent has the numbers that an API server sees.
func asSent(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var unmarshalled unstructured.Unstructured
	json, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := unmarshalled.UnmarshalJSON(json); err != nil {
		t.Fatal(err)
	}
	return unmarshalled.Object
}

func TestArgoCDsSchemasTakeTheManifestsAsTheyAre(t *testing.T) {
	sets, applications := readCRD(t, "applicationset-crd.yaml"), readCRD(t, "application-crd.yaml")
	for _, file := range []string{"applicationset.yaml", "applicationset-rolling.yaml", "cluster-config.yaml"} {
		sets.check(t, file, read(t, file))
	}
	schemas := map[string]crd{"Application": applications, "ApplicationSet": sets, "AppProject": readCRD(t, "appproject-crd.yaml")}
	files, err := filepath.Glob(filepath.Join(example, "clusters", "*", "argocd-apps", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "root.yaml") {
		for _, object := range readAll(t, file) {
			schemas[object.GetKind()].check(t, file+": "+object.GetName(), object.Object)
		}
	}
}

// TestTheExampleDeliversTheApplicationSetsAsTheyAre: what recovers a platform from Git alone lies in Git.
func TestTheExampleDeliversTheApplicationSetsAsTheyAre(t *testing.T) {
	for file, copied := range map[string]string{
		"applicationset.yaml": "tidegate-services.yaml", "cluster-config.yaml": "tidegate-cluster-config.yaml",
	} {
		copied = filepath.Join(example, "clusters/staging/argocd-apps", copied)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(copied)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("manifests/%s is not %s: copy it there (-want +got):\n%s", file, copied, diff)
		}
	}
}

// TestTheExamplesProjectsAllowWhatItsApplicationsNeed: an Application that its project does not allow is never synced.
func TestTheExamplesProjectsAllowWhatItsApplicationsNeed(t *testing.T) {
	projects := map[string]v1alpha1.AppProject{}
	var applications []v1alpha1.Application
	files, err := filepath.Glob(filepath.Join(example, "clusters", "*", "argocd-apps", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "root.yaml") {
		for _, object := range readAll(t, file) {
			switch object.GetKind() {
			case "AppProject":
				projects[object.GetName()] = convert[v1alpha1.AppProject](t, object)
			case "Application":
				applications = append(applications, convert[v1alpha1.Application](t, object))
			}
		}
	}
	for _, file := range []string{"applicationset.yaml", "cluster-config.yaml"} {
		applications = append(applications, generated(t, file, "../examples/clusters.yaml").Applications...)
	}
	if len(applications) < 12 {
		t.Fatalf("%d Applications", len(applications))
	}
	scoped := func(string) ([]*v1alpha1.Cluster, error) { return nil, nil }
	for _, application := range applications {
		project, exists := projects[application.Spec.Project]
		if !exists {
			t.Errorf("%s: project %s is not in the example", application.Name, application.Spec.Project)
			continue
		}
		permitted, err := project.IsDestinationPermitted(application.Spec.Destination, scoped)
		if err != nil {
			t.Fatal(err)
		}
		if !permitted || !project.IsSourcePermitted(*application.Spec.Source) {
			t.Errorf("%s: project %s does not allow %+v from %s", application.Name, project.Name, application.Spec.Destination, application.Spec.Source.RepoURL)
		}
	}
}

func convert[T any](t *testing.T, object *unstructured.Unstructured) T {
	t.Helper()
	content, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := yaml.UnmarshalStrict(content, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// readAll reads the objects of a file.
func readAll(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := kube.SplitYAML(content)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, object := range objects {
		object.Object = asSent(t, object.Object)
	}
	return objects
}

func TestArgoCDsSchemaTakesEveryGeneratedApplication(t *testing.T) {
	schema := readCRD(t, "application-crd.yaml")
	for _, file := range []string{"applicationset.yaml", "applicationset-rolling.yaml", "cluster-config.yaml"} {
		for _, application := range generated(t, file, "../examples/clusters.yaml").Applications {
			var out bytes.Buffer
			if err := preview.Write(&out, []v1alpha1.Application{application}, "yaml"); err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := yaml.Unmarshal(out.Bytes(), &object); err != nil {
				t.Fatal(err)
			}
			schema.check(t, application.Name, asSent(t, object))
		}
	}
}

func generated(t *testing.T, file, clusters string) *preview.Result {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sets, err := preview.ParseApplicationSets(file, content)
	if err != nil {
		t.Fatal(err)
	}
	source, err := catalog.Open(example, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	known, err := fleet.OpenFile(clusters)
	if err != nil {
		t.Fatal(err)
	}
	result, err := preview.Run(context.Background(), preview.Options{
		Answerer: generator.New(catalog.New(source, render.New()), known), ApplicationSets: sets,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestAllApplicationSetsHaveOneTemplate(t *testing.T) {
	template := func(file string) string {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, template, _ := strings.Cut(string(content), "\n  template:\n")
		return template
	}
	for _, file := range []string{"applicationset-rolling.yaml", "cluster-config.yaml"} {
		if diff := cmp.Diff(template("applicationset.yaml"), template(file)); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
	}
}

func TestARolloutHoldsBeforeTheFirstProductionApplication(t *testing.T) {
	result := generated(t, "applicationset-rolling.yaml", "../examples/clusters.yaml")
	if len(result.Warnings) > 0 {
		t.Errorf("%q", result.Warnings)
	}
	var names []string
	for _, application := range result.Applications {
		names = append(names, application.Name)
	}
	if diff := cmp.Diff([]string{"payments-api-dev", "payments-api-production", "payments-api-staging"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestAHoldThatHoldsNothingIsSaid(t *testing.T) {
	content, err := os.ReadFile("../examples/clusters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	clusters := filepath.Join(t.TempDir(), "clusters.yaml")
	if err := os.WriteFile(clusters, bytes.ReplaceAll(content, []byte("rollout: canary"), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"ApplicationSet tidegate-payments-api: step 2 holds nothing: it selects no Application, so the steps after it do not wait for a human"}
	if diff := cmp.Diff(want, generated(t, "applicationset-rolling.yaml", clusters).Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestTheRootDeliversEveryFileOfArgocdAppsAndNothingElse(t *testing.T) {
	objects := readAll(t, "root.yaml")
	root := convert[v1alpha1.Application](t, objects[len(objects)-1])
	repo, err := filepath.Abs(example)
	if err != nil {
		t.Fatal(err)
	}
	response, err := repository.GenerateManifests(context.Background(), filepath.Join(repo, root.Spec.Source.Path), repo, "main",
		&apiclient.ManifestRequest{Repo: &v1alpha1.Repository{Repo: root.Spec.Source.RepoURL}, ApplicationSource: root.Spec.Source, AppName: root.Name},
		false, git.NoopCredsStore{}, resource.MustParse("10M"), argoio.NewRandomizedTempPaths(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, manifest := range response.Manifests {
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON([]byte(manifest)); err != nil {
			t.Fatal(err)
		}
		got = append(got, object.GetKind()+" "+object.GetName())
	}
	want := []string{
		"Application external-secrets-production", "Application metrics-server-production",
		"Application external-secrets-staging", "Application metrics-server-staging",
		"AppProject platform", "AppProject payments-team",
		"ApplicationSet tidegate-cluster-config", "ApplicationSet tidegate-services",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestServicesWaitForTheClustersConfiguration runs the health check that argocd-cm.yaml adds through Argo CD's own Lua.
func TestServicesWaitForTheClustersConfiguration(t *testing.T) {
	settings := read(t, "argocd-cm.yaml")
	script := settings["data"].(map[string]any)["resource.customizations.health.argoproj.io_ApplicationSet"].(string)
	overrides := lua.ResourceHealthOverrides{"argoproj.io/ApplicationSet": {HealthLua: script}}
	app := func(name, sync, health string) map[string]any {
		return map[string]any{"name": name, "status": sync, "health": map[string]any{"status": health}}
	}
	ready := map[string]any{"type": "ResourcesUpToDate", "status": "True", "message": "up to date"}
	for _, test := range []struct {
		name, file string
		status     map[string]any
		want       health.HealthStatus
	}{
		{"not yet seen by its controller", "cluster-config.yaml", nil, health.HealthStatus{Status: "Progressing", Message: "waiting for Applications"}},
		{"an Application without status", "cluster-config.yaml", map[string]any{"resources": []any{map[string]any{"name": "cluster-config-staging"}}},
			health.HealthStatus{Status: "Progressing", Message: "waiting for cluster-config-staging"}},
		{"not yet applied", "cluster-config.yaml", map[string]any{"conditions": []any{ready}, "resources": []any{app("cluster-config-production", "Synced", "Healthy"), app("cluster-config-staging", "OutOfSync", "Missing")}},
			health.HealthStatus{Status: "Progressing", Message: "waiting for cluster-config-staging"}},
		{"applied", "cluster-config.yaml", map[string]any{"conditions": []any{ready}, "resources": []any{app("cluster-config-staging", "Synced", "Healthy")}},
			health.HealthStatus{Status: "Healthy", Message: "up to date"}},
		{"a cluster out of reach holds up nobody", "cluster-config.yaml", map[string]any{"conditions": []any{ready}, "resources": []any{app("cluster-config-staging", "Unknown", "Unknown")}},
			health.HealthStatus{Status: "Healthy", Message: "up to date"}},
		{"the generator refuses", "cluster-config.yaml", map[string]any{"conditions": []any{map[string]any{"type": "ErrorOccurred", "status": "True", "message": "no cluster"}}},
			health.HealthStatus{Status: "Degraded", Message: "no cluster"}},
		{"services are healthy when they exist", "applicationset.yaml", map[string]any{"conditions": []any{ready}, "resources": []any{app("payments-api-staging", "OutOfSync", "Missing")}},
			health.HealthStatus{Status: "Healthy", Message: "up to date"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := read(t, test.file)
			if test.status != nil {
				set["status"] = test.status
			}
			got, err := health.GetResourceHealth(&unstructured.Unstructured{Object: set}, overrides)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	services, clusterConfig := read(t, "applicationset.yaml"), read(t, "cluster-config.yaml")
	if (&unstructured.Unstructured{Object: services}).GetAnnotations()["argocd.argoproj.io/sync-wave"] != "" ||
		(&unstructured.Unstructured{Object: clusterConfig}).GetAnnotations()["argocd.argoproj.io/sync-wave"] != "-10" {
		t.Error("cluster configuration is not in an earlier wave than services")
	}
}

func TestTheSchemasOfThisTestAreNotBlind(t *testing.T) {
	schema := readCRD(t, "applicationset-crd.yaml")
	object := read(t, "applicationset.yaml")
	object["spec"].(map[string]any)["goTemplate"] = "yes"
	if problems := validation.ValidateCustomResource(nil, object, schema.validator); len(problems) != 1 {
		t.Errorf("a wrong type: %v", problems)
	}
	object["spec"].(map[string]any)["template_patch"] = ""
	dropped := pruning.PruneWithOptions(object, schema.structural, true, trackUnknown)
	if diff := cmp.Diff([]string{"spec.template_patch"}, dropped); diff != "" {
		t.Error(diff)
	}
}
