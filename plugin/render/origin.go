package render

import (
	"path"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// What kustomize writes when buildMetadata asks where objects come from (api/internal/utils/annotations.go).
const (
	originAnnotation       = "config.kubernetes.io/origin"
	transformersAnnotation = "alpha.config.kubernetes.io/transformations"
)

// rewriteOrigins makes the annotations name the file of a component, not the folder that kustomize took it for:
// image-tag.yaml/kustomization.yaml is image-tag.yaml, image-tag.yaml/extra.yaml is extra.yaml.
func (cs *components) rewriteOrigins(objects []manifest.Object) {
	for _, object := range objects {
		for _, key := range []string{originAnnotation, transformersAnnotation} {
			if text, ok := object.Annotation(key); ok {
				object.SetAnnotation(key, cs.rewriteOrigin(text))
			}
		}
	}
}

func (cs *components) rewriteOrigin(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		key, value, found := strings.Cut(line, ": ")
		if name := strings.TrimLeft(key, "- "); found && (name == "path" || name == "configuredIn") {
			lines[i] = key + ": " + cs.withoutMirror(value)
		}
	}
	return strings.Join(lines, "\n")
}

func (cs *components) withoutMirror(value string) string {
	for _, c := range cs.list {
		before, inside, found := strings.Cut(value, path.Base(c.file)+"/")
		if !found || before != "" && !strings.HasSuffix(before, "/") {
			continue
		}
		if isKustomization(inside) {
			return before + path.Base(c.file)
		}
		return path.Join(before, inside)
	}
	return value
}
