package wave_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// objects reads a stream of manifests.
func objects(t testing.TB, stream string) []manifest.Object {
	t.Helper()
	var out []manifest.Object
	for _, doc := range strings.Split("\n"+stream, "\n---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		var o map[string]any
		data, err := yaml.YAMLToJSONStrict([]byte(doc))
		if err == nil {
			err = json.Unmarshal(data, &o)
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		out = append(out, o)
	}
	return out
}
