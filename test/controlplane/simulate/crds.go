package simulate

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var definitions embed.FS

// AllGroups are those of all operators that this package knows.
const AllGroups = "*"

// CRDs returns the CustomResourceDefinitions of operators by their API groups. They say that their operator runs elsewhere;
// delete OperatorAnnotation to tie it to a Deployment. A group of no operator is an error.
func CRDs(groups ...string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	all, err := allCRDs()
	if err != nil {
		return nil, err
	}
	var out []*apiextensionsv1.CustomResourceDefinition
	for _, group := range groups {
		before := len(out)
		for _, definition := range all {
			if group == AllGroups || group == definition.Spec.Group {
				out = append(out, definition)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("no operator has the API group %q", group)
		}
	}
	return out, nil
}

func allCRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := fs.Glob(definitions, "crds/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		content, err := definitions.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, document := range bytes.Split(content, []byte("\n---\n")) {
			definition := &apiextensionsv1.CustomResourceDefinition{}
			if err := yaml.UnmarshalStrict(document, definition); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			out = append(out, definition)
		}
	}
	return out, nil
}
