package render

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// idle warns of image overrides that no object shows the effect of. (kustomize itself refuses replicas that match
// nothing.)
func (o Overrides) idle(objects []manifest.Object) []string {
	var warnings []string
	for _, override := range o.Images {
		entry, err := imageEntry(override)
		if err != nil {
			continue
		}
		shows := func(text string) bool { return showsImage(text, entry) }
		if !containsString(objects, shows) {
			warnings = append(warnings, fmt.Sprintf("image override %q changes nothing: no object has an image named %v",
				override, entry["name"]))
		}
	}
	return warnings
}

// showsImage says whether a text is what the override makes of an image. A * may have become anything.
func showsImage(text string, entry map[string]any) bool {
	text, digest, _ := strings.Cut(text, "@")
	tag := ""
	if colon := strings.LastIndex(text, ":"); colon > strings.LastIndex(text, "/") {
		text, tag = text[:colon], text[colon+1:]
	}
	name := entry["name"]
	if renamed, ok := entry["newName"]; ok {
		name = renamed
	}
	return is(text, name) && is(tag, entry["newTag"]) && is(digest, entry["digest"])
}

func is(text string, want any) bool { return want == nil || want == "*" || text == want }

// containsString looks for a string in all values.
func containsString(objects []manifest.Object, wanted func(string) bool) bool {
	for _, object := range objects {
		if anyString(map[string]any(object), wanted) {
			return true
		}
	}
	return false
}

func anyString(value any, wanted func(string) bool) bool {
	switch value := value.(type) {
	case string:
		return wanted(value)
	case []any:
		for _, item := range value {
			if anyString(item, wanted) {
				return true
			}
		}
	case map[string]any:
		for _, item := range value {
			if anyString(item, wanted) {
				return true
			}
		}
	}
	return false
}
