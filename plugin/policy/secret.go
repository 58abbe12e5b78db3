package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// AllowPlainSecret exempts its object from plain-secret and private-key. Its value is the reason.
const AllowPlainSecret = "tidegate.dev/allow-plain-secret"

// lastApplied is where `kubectl apply` keeps a copy of the whole object, and `kubectl get -o yaml` shows it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// maxKeys is how many key names a message lists.
const maxKeys = 10

func plainSecrets(run *run) {
	for _, object := range run.objects {
		if object.Kind() != "Secret" || object.Group() != "" {
			continue
		}
		allowed, refused := exemption(object)
		if allowed {
			continue
		}
		for _, field := range []string{"data", "stringData"} {
			if keys := filled(object[field]); len(keys) > 0 {
				run.report(object, field, "{keys}", list(keys), "{refused}", refused)
			}
		}
		if keys := lastAppliedKeys(object); len(keys) > 0 {
			run.report(object, annotationField(lastApplied), "{keys}", list(keys), "{refused}", refused)
		}
	}
}

// exemption says whether the object is exempt, or else why its annotation does not exempt it.
func exemption(object manifest.Object) (allowed bool, refused string) {
	value, present := object.Map("metadata", "annotations")[AllowPlainSecret]
	if !present {
		return false, ""
	}
	reason, isText := value.(string)
	_, notBool := strconv.ParseBool(strings.TrimSpace(reason))
	switch {
	case !isText:
		return false, ", and its " + AllowPlainSecret + " annotation is no text"
	case strings.TrimSpace(reason) == "":
		return false, ", and its " + AllowPlainSecret + " annotation gives no reason: it is empty"
	case notBool == nil:
		return false, fmt.Sprintf(", and its %s annotation gives no reason: it says %q", AllowPlainSecret, reason)
	default:
		return true, ""
	}
}

// filled returns the names of the keys that hold something. Data that is no map is called so.
func filled(data any) []string {
	switch data := data.(type) {
	case nil:
		return nil
	case map[string]any:
		var keys []string
		for _, key := range slices.Sorted(maps.Keys(data)) {
			if value := data[key]; value != nil && value != "" {
				keys = append(keys, key)
			}
		}
		return keys
	default:
		return []string{"not a map"}
	}
}

// lastAppliedKeys returns the keys of the copy in the annotation. A copy that cannot be read may hold anything.
func lastAppliedKeys(object manifest.Object) []string {
	text, _ := object.Annotation(lastApplied)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var applied struct {
		Data       any `json:"data"`
		StringData any `json:"stringData"`
	}
	if json.Unmarshal([]byte(text), &applied) != nil {
		return []string{"not readable"}
	}
	return append(filled(applied.Data), filled(applied.StringData)...)
}

func list(keys []string) string {
	var out []string
	for _, key := range keys[:min(len(keys), maxKeys)] {
		out = append(out, cut(key))
	}
	if more := len(keys) - maxKeys; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

func annotationField(name string) string { return `metadata.annotations["` + name + `"]` }
