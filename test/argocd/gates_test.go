package argocd

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/resource_customizations"
	"github.com/argoproj/argo-cd/v2/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// A user loses the warning of what can hold up a rollout, or is warned of what cannot: a kind gates in the plan exactly
// if Argo CD has a health check for it, built in or in Lua. All of Kubernetes' kinds and all that Argo CD ships Lua for.
func TestKindsThatGateAreThoseWithAHealthCheck(t *testing.T) {
	kinds := everyKind()
	err := fs.WalkDir(resource_customizations.Embedded, ".", func(file string, _ fs.DirEntry, err error) error {
		if path.Base(file) == "health.lua" {
			dir := path.Dir(file)
			kinds = append(kinds, schema.GroupVersionKind{Group: path.Dir(dir), Version: "v1", Kind: path.Base(dir)})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	later := sinceArgoCD3(t)
	checked := 0
	for _, kind := range kinds {
		if later[kind.GroupKind()] {
			continue
		}
		apiVersion, name := kind.ToAPIVersionAndKind()
		object := manifest.Object{"apiVersion": apiVersion, "kind": name, "metadata": map[string]any{
			"name": "one", "annotations": map[string]any{waveAnnotation: "-50"}}}
		if kind.Kind == "Service" {
			object["spec"] = map[string]any{"type": "LoadBalancer"}
		}
		last := manifest.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{
			"name": "last", "annotations": map[string]any{waveAnnotation: "50"}}}
		plan, objects := planned(t, wave.Tiers, []manifest.Object{object, last})
		real := hasHealthCheck(t, objects[0])
		if real {
			checked++
		}
		if gates := plan.Waves[0].Resources[0].Gate != nil; gates != real {
			t.Errorf("%s.%s: health check in Argo CD: %t, a gate in the plan: %t", kind.Kind, kind.Group, real, gates)
		}
	}
	if checked < 100 {
		t.Errorf("only %d kinds with a health check: the customizations were not read", checked)
	}
}

// sinceArgoCD3 are the rows of the planner's table that it marks as newer than the Argo CD in this module.
func sinceArgoCD3(t *testing.T) map[schema.GroupKind]bool {
	t.Helper()
	text, err := os.ReadFile("../../plugin/wave/argocd/health.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Kind, Since string }
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	later := map[schema.GroupKind]bool{}
	for _, row := range rows {
		if row.Since == "3" {
			later[schema.ParseGroupKind(row.Kind)] = true
		}
	}
	return later
}

func hasHealthCheck(t *testing.T, object *unstructured.Unstructured) bool {
	t.Helper()
	script, _, err := lua.VM{}.GetHealthScript(object)
	if err != nil {
		t.Fatal(err)
	}
	return script != "" || health.GetHealthCheckFunc(object.GroupVersionKind()) != nil
}

// A Service holds up a rollout only where it waits for an address: Argo CD calls every other one Healthy at once.
func TestServiceGatesOnlyForAnAddress(t *testing.T) {
	for _, kind := range []string{"", "ClusterIP", "NodePort", "ExternalName", "LoadBalancer"} {
		objects := parse(t, strings.ReplaceAll(`
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: "-1"}}
spec: {type: TYPE}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: last, annotations: {argocd.argoproj.io/sync-wave: "1"}}
`, "TYPE", `"`+kind+`"`))
		plan, annotated := planned(t, wave.Tiers, objects)
		status, err := health.GetResourceHealth(annotated[0], lua.ResourceHealthOverrides{})
		if err != nil {
			t.Fatal(err)
		}
		if gates, waits := plan.Waves[0].Resources[0].Gate != nil, status.Status != health.HealthStatusHealthy; gates != waits {
			t.Errorf("type %q: a new one is %s to Argo CD, a gate in the plan: %t", kind, status.Status, gates)
		}
	}
}
