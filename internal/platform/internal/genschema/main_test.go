package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

func TestTheSchemaIsCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../../docs/tidegate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Error("docs/tidegate.schema.json is not what the types say; run make generate")
	}
}

// validate returns what an editor would mark.
func validate(t *testing.T, document []byte) error {
	t.Helper()
	encoded, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("tidegate.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("tidegate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Unmarshal(document, &value); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestEditorsAcceptTheExample(t *testing.T) {
	example, err := os.ReadFile("../../../../examples/gitops-platform/tidegate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, example); err != nil {
		t.Error(err)
	}
}

func TestEditorsMarkWhatTheGeneratorRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"unknown field": "environments: []\nenviroments: []\n",
		"wrong type":    "environments: yes please\n",
		"no environments": `
defaults: {}
`,
		"unknown field of Argo CD": `
environments:
  - name: staging
    clusterSelector: {}
    syncPolicy: {automatic: {}}
`,
		"wrong choice": `
environments: []
defaults: {plugin: {waves: tides}}
`,
	} {
		t.Run(name, func(t *testing.T) {
			if validate(t, []byte("apiVersion: tidegate.dev/v1alpha1\nkind: Platform\n"+document)) == nil {
				t.Error("accepted")
			}
		})
	}
}
