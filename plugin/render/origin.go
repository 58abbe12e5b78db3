package render

import (
	"path"
	"path/filepath"
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
func (f *fileSystem) rewriteOrigins(objects []manifest.Object) {
	for _, object := range objects {
		for _, key := range []string{originAnnotation, transformersAnnotation} {
			if text, ok := object.Annotation(key); ok {
				object.SetAnnotation(key, f.rewriteOrigin(text))
			}
		}
	}
}

func (f *fileSystem) rewriteOrigin(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		key, value, found := strings.Cut(line, ": ")
		if name := strings.TrimLeft(key, "- "); found && (name == "path" || name == "configuredIn") {
			lines[i] = key + ": " + f.relocate(f.components.withoutMirror(value))
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

// relocate puts right a path that leads from the file of a component upwards: kustomize takes the file for a folder, so
// that image-tag.yaml and ../base make base, where ../base is meant.
func (f *fileSystem) relocate(value string) string {
	for _, c := range f.components.list {
		if _, known := f.seen[path.Join(f.top, value)]; known {
			return value
		}
		from, err := filepath.Rel(f.top, c.file)
		if err != nil {
			continue
		}
		for _, ref := range f.upward(c) {
			inside, found := strings.CutPrefix(value, path.Join(from, ref)+"/")
			right := path.Join(path.Dir(from), ref, inside)
			if _, known := f.seen[path.Join(f.top, right)]; found && known {
				return right
			}
		}
	}
	return value
}

// upward lists the paths in a component that begin above its folder.
func (f *fileSystem) upward(c *component) []string {
	var paths []string
	for _, k := range f.scanned {
		if k.file != c.file {
			continue
		}
		for _, ref := range references(&k.Kustomization) {
			if strings.HasPrefix(path.Clean(ref.path), "../") {
				paths = append(paths, ref.path)
			}
		}
	}
	return paths
}
