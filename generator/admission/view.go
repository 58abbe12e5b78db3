package admission

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// GuardAnnotation of an ApplicationSet switches off the guard if its value is off.
const GuardAnnotation = "tidegate.dev/guard"

const guardOff = "off"

// SwitchedOff tells whether an ApplicationSet has its guard switched off.
func SwitchedOff(set *live.ApplicationSet) bool { return set.Annotations[GuardAnnotation] == guardOff }

var (
	wholeName = regexp.MustCompile(`^\{\{-?\s*\.tidegate\.name\s*-?\}\}$`)
	wholeSet  = regexp.MustCompile(`^\{\{-?\s*(toJson\s+\.tidegate|\.tidegate\s*\|\s*toJson)\s*-?\}\}$`)
)

// seeThrough says why it cannot be told from an answer which Applications Argo CD makes of it, or from an Application of
// which parameter set it was made; empty if both can.
func seeThrough(spec *v1alpha1.ApplicationSetSpec) string {
	for _, look := range []func(*v1alpha1.ApplicationSetSpec) string{generators, template, patch, keepsAnnotation, policy} {
		if partial := look(spec); partial != "" {
			return partial
		}
	}
	return ""
}

// generators must be one plugin generator: others add, combine or drop parameter sets.
func generators(spec *v1alpha1.ApplicationSetSpec) string {
	if len(spec.Generators) != 1 {
		return fmt.Sprintf("spec.generators has %d generators: each is answered without knowing of the others' Applications. Make an ApplicationSet of each", len(spec.Generators))
	}
	generator := spec.Generators[0]
	if generator.Selector != nil {
		return "spec.generators[0].selector drops parameter sets after they were answered. Narrow input.parameters of the plugin instead"
	}
	for _, combined := range []struct {
		name string
		used bool
	}{{"matrix", generator.Matrix != nil}, {"merge", generator.Merge != nil}} {
		if combined.used {
			return fmt.Sprintf("spec.generators[0].%s combines parameter sets with others. Use the plugin generator alone: it knows clusters and overlays", combined.name)
		}
	}
	if generator.Plugin == nil {
		return "spec.generators[0] is no plugin generator"
	}
	own := generator.Plugin.Template
	generator.Plugin = nil
	if generator != (v1alpha1.ApplicationSetGenerator{}) {
		return "spec.generators[0] is several generators in one. Make an ApplicationSet of each"
	}
	if !reflect.DeepEqual(own, v1alpha1.ApplicationSetTemplate{}) {
		return "spec.generators[0].plugin.template overrides the template. Put it into spec.template"
	}
	return ""
}

// template must name Applications as the parameter set does, and must write down the parameter set.
func template(spec *v1alpha1.ApplicationSetSpec) string {
	if !spec.GoTemplate {
		return "spec.goTemplate is not true: without it Argo CD makes text of lists and maps"
	}
	if !wholeName.MatchString(spec.Template.Name) {
		return fmt.Sprintf("spec.template.metadata.name is %q: an Application is told by its name, so it must be {{ .tidegate.name }}; applicationName in tidegate.yaml gives Applications other names", spec.Template.Name)
	}
	if !wholeSet.MatchString(spec.Template.Annotations[params.Annotation]) {
		return fmt.Sprintf("spec.template.metadata.annotations has no %s: '{{ toJson .tidegate }}': without it an Application cannot be held as it is", params.Annotation)
	}
	return ""
}

// keepsAnnotation must be nothing: an annotation that Argo CD does not update tells of an earlier parameter set.
func keepsAnnotation(spec *v1alpha1.ApplicationSetSpec) string {
	if spec.PreservedFields != nil && slices.Contains(spec.PreservedFields.Annotations, params.Annotation) {
		return "spec.preservedFields.annotations keeps Argo CD from updating " + params.Annotation
	}
	pointer := "/metadata/annotations/" + strings.ReplaceAll(params.Annotation, "/", "~1")
	for i, ignored := range spec.IgnoreApplicationDifferences {
		covers := slices.ContainsFunc(ignored.JSONPointers, func(p string) bool {
			return p == "" || p == pointer || strings.HasPrefix(pointer, strings.TrimSuffix(p, "/")+"/")
		})
		if covers || slices.ContainsFunc(ignored.JQPathExpressions, func(e string) bool { return strings.Contains(e, "metadata") || strings.TrimSpace(e) == "." }) {
			return fmt.Sprintf("spec.ignoreApplicationDifferences[%d] may keep Argo CD from updating %s", i, params.Annotation)
		}
	}
	return ""
}

// policy must be Argo CD's default: with any other, an Application is not what was answered last.
func policy(spec *v1alpha1.ApplicationSetSpec) string {
	if spec.SyncPolicy == nil || spec.SyncPolicy.ApplicationsSync == nil {
		return ""
	}
	switch applied := *spec.SyncPolicy.ApplicationsSync; applied {
	case "", v1alpha1.ApplicationsSyncPolicySync:
		return ""
	default:
		return fmt.Sprintf("spec.syncPolicy.applicationsSync is %s: Argo CD does not do all that it is answered, so Applications differ from what they should be without this being seen. Leave it out: removals are held anyway", applied)
	}
}
