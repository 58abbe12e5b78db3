package params_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/params"
)

func FuzzInput(f *testing.F) {
	f.Add([]byte(`{"kind": "services", "services": ["api"], "environments": ["staging"]}`))
	f.Add([]byte(`{"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}`))
	f.Add([]byte(`{"services": null, "x": {"y": [1.5e300]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var parameters v1alpha1.PluginParameters
		if json.Unmarshal(text, &parameters) != nil {
			return
		}
		_, err := params.ParseInput(parameters)
		var wrong *params.InputError
		if err != nil && (!errors.As(err, &wrong) || len(wrong.Problems) == 0) {
			t.Fatalf("%#v does not say what is wrong", err)
		}
	})
}
