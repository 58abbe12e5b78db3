package admission

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/params"
)

// directive is a key by which a strategic merge patch takes away what it does not name.
const directive = "$patch"

// written stands for what an expression of a templatePatch writes.
const written = "x"

var (
	// What in a templatePatch only says which parts of it there are, and an expression whose value is written.
	control    = regexp.MustCompile(`(?s)\{\{-?\s*(?:if|else|end|range|with|define|block|break|continue|/\*|\$\w+\s*:?=).*?\}\}`)
	expression = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	// A name in the metadata of a templatePatch, in YAML's block and flow style and in JSON.
	nameField    = regexp.MustCompile(`(?m)(^|[{,])[ \t\n]*["']?name["']?[ \t]*:`)
	isMetadata   = regexp.MustCompile(`^["'{ ]*metadata["']?[ \t]*:`)
	flowMetadata = regexp.MustCompile(`(^|[\s{,])["']?metadata["']?\s*:\s*\{`)
)

// patch must leave alone what template looks at. What a patch's own templates write cannot be seen.
func patch(spec *v1alpha1.ApplicationSetSpec) string {
	if spec.TemplatePatch == nil {
		return ""
	}
	if strings.Contains(*spec.TemplatePatch, params.Annotation) {
		return fmt.Sprintf("spec.templatePatch has something to say of %s, which spec.template writes", params.Annotation)
	}
	sets, drops := changes(*spec.TemplatePatch)
	if sets {
		return "spec.templatePatch sets metadata.name: an Application is told by its name; applicationName in tidegate.yaml gives Applications other names"
	}
	if drops {
		return fmt.Sprintf("spec.templatePatch drops or replaces metadata, and with it the name or %s, which spec.template writes", params.Annotation)
	}
	return ""
}

// changes tells whether a templatePatch sets the name, and whether it drops metadata that it does not name. Its templates may
// make of it what is no YAML before they are executed; then its text tells.
func changes(text string) (setsName, drops bool) {
	plain := expression.ReplaceAllString(control.ReplaceAllString(text, ""), written)
	setsName = nameField.MatchString(metadata(plain)) || nameField.MatchString(inFlow(plain))
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(plain), &parsed); err != nil {
		return setsName, strings.Contains(text, directive)
	}
	within, _ := parsed["metadata"].(map[string]any)
	_, named := within["name"]
	return setsName || named, dropped(parsed, "metadata") || dropped(within, "annotations")
}

// dropped tells whether a part of a patch drops one of its fields, or all that it does not name.
func dropped(patch map[string]any, field string) bool {
	_, directed := patch[directive]
	given, named := patch[field]
	within, _ := given.(map[string]any)
	_, replaced := within[directive]
	return directed || replaced || named && given == nil
}

// metadata is what a templatePatch says of the metadata itself in block style: the lines below it that are the least indented, or
// all that follows it on its line.
func metadata(patch string) string {
	var out []string
	inside, indent := false, 0
	for _, line := range strings.Split(patch, "\n") {
		text := strings.TrimLeft(line, " \t")
		depth := len(line) - len(text)
		switch {
		case text == "" || text == written || strings.HasPrefix(text, "#"):
		case depth == 0 || isMetadata.MatchString(text) && !inside:
			if inside = isMetadata.MatchString(text); inside {
				_, rest, _ := strings.Cut(text, ":")
				out, indent = append(out, rest), 0
			}
		case inside && (indent == 0 || depth <= indent):
			indent = depth
			out = append(out, text)
		}
	}
	return strings.Join(out, "\n")
}

// inFlow is what a templatePatch says of any metadata in flow style or JSON, without what is nested in it.
func inFlow(patch string) string {
	var out strings.Builder
	for _, at := range flowMetadata.FindAllStringIndex(patch, -1) {
		depth := 0
		for _, c := range patch[at[1]-1:] {
			if c == '}' {
				depth--
			}
			if depth <= 1 {
				out.WriteRune(c)
			}
			if c == '{' {
				depth++
			}
			if depth == 0 {
				break
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}
