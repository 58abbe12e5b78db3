package catalog

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// Facts are what a render tells about an Application.
type Facts struct {
	// Namespace is the kustomization's own.
	Namespace string
	// Autoscaled are the workloads whose replicas an autoscaler owns, sorted. One without a name stands for all of its
	// kind: what a broken overlay is given that was never rendered.
	Autoscaled []Workload
	// Resources are the hashes of what is rendered (manifest.ID.Hash), sorted. What a variable is put into later has another name
	// by then.
	Resources []uint64
	// Outside are the files that the render read although neither the service's folder nor a shared one holds them,
	// sorted.
	Outside []string
	// Broken says why the folder could not be rendered; empty where it could. The other facts are then the last known
	// ones, or, where Known is false, the safe default.
	Broken string
	// NoNamespace says that it is broken in that it says no namespace. It can be rendered, and what it renders to could go
	// anywhere: without a Namespace that is known from before, there must be no Application of it.
	NoNamespace bool
	// Known says that these facts come from a render: this one, or, with Broken, an earlier one.
	Known bool
}

// Workload is a workload that an autoscaler scales.
type Workload struct{ Group, Kind, Name string }

// autoscalers are the kinds that own the replicas of spec.scaleTargetRef, with the apiVersion and kind of a target that
// names none.
var autoscalers = map[string]struct{ apiVersion, kind string }{
	"HorizontalPodAutoscaler.autoscaling": {},
	"ScaledObject.keda.sh":                {"apps/v1", "Deployment"},
}

// scalable are the kinds whose replicas are left alone where it is not known what an autoscaler scales: ignoring too much
// leaves a number as it is, ignoring too little lets selfHeal scale a running service down.
var scalable = []Workload{{"apps", "Deployment", ""}, {"apps", "StatefulSet", ""}, {"argoproj.io", "Rollout", ""}}

func factsOf(result *render.Result) Facts {
	facts := Facts{Namespace: result.Namespace, Known: true}
	for _, object := range result.Objects {
		facts.Resources = append(facts.Resources, object.ID().Hash())
		if workload, ok := scaledBy(object); ok {
			facts.Autoscaled = append(facts.Autoscaled, workload)
		}
	}
	slices.SortFunc(facts.Autoscaled, func(a, b Workload) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	facts.Autoscaled = slices.Compact(facts.Autoscaled)
	slices.Sort(facts.Resources)
	return facts
}

// scaledBy returns the workload whose replicas the object owns.
func scaledBy(object manifest.Object) (Workload, bool) {
	defaults, ok := autoscalers[object.ID().GroupKind()]
	target := manifest.Object(object.Map("spec", "scaleTargetRef"))
	workload := Workload{
		Group: groupOf(cmp.Or(target.APIVersion(), defaults.apiVersion)),
		Kind:  cmp.Or(target.Kind(), defaults.kind),
		Name:  target.String("name"),
	}
	return workload, ok && workload.Kind != "" && workload.Name != ""
}

func groupOf(apiVersion string) string {
	return manifest.Object{"apiVersion": apiVersion}.Group()
}

// guessed are the facts of a folder that was never rendered: the namespace that its kustomization says, if that much can
// be read.
func guessed(tree render.Tree, dir string) Facts {
	facts := Facts{Autoscaled: scalable}
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		content, err := render.ReadFile(tree, path.Join(dir, name))
		if err != nil || render.CheckText(content) != nil {
			continue
		}
		var kustomization struct {
			Namespace string `json:"namespace"`
		}
		if yaml.Unmarshal(content, &kustomization) == nil && len(validation.IsDNS1123Label(kustomization.Namespace)) == 0 {
			facts.Namespace = kustomization.Namespace
		}
	}
	return facts
}

// outside returns the files that lie in none of the folders.
func outside(files, folders []string) []string {
	var out []string
	for _, file := range files {
		if !slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(file, folder+"/") }) {
			out = append(out, file)
		}
	}
	return out
}
