package refer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// FuzzFindReferences: whatever people commit, looking for references must not panic.
func FuzzFindReferences(f *testing.F) {
	files, _ := filepath.Glob("../testdata/*/*.txt")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			var object any
			if yaml.Unmarshal(text, &object) == nil {
				data, _ := json.Marshal(object)
				f.Add(data)
			}
		}
	}
	for _, set := range sets(f) {
		data, _ := json.Marshal(objectsOf(set))
		f.Add(data)
	}
	f.Add([]byte(`[{"kind":"Deployment","apiVersion":"apps/v1","spec":{"template":[]}},null,{"kind":1}]`))
	f.Add([]byte(`[{"kind":"Pod","apiVersion":"v1","metadata":7,"spec":{"containers":[null,[],{"env":{}}],"volumes":"x"}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var objects []manifest.Object
		if json.Unmarshal(data, &objects) != nil {
			return
		}
		result, err := Find(NewSet(objects, "shop"), nil)
		if err != nil {
			return
		}
		for _, e := range result.Edges {
			if e.From < 0 || e.From >= len(objects) || e.To < 0 || e.To >= len(objects) || e.Field == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
