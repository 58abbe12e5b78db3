package simulate

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var definitions embed.FS

// AllGroups are those of all operators that this package knows.
const AllGroups = "*"

// CRDs returns the CustomResourceDefinitions of operators by their API groups. They
// say that their operator runs elsewhere; delete OperatorAnnotation to tie it to a Deployment.
func CRDs(groups ...string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
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
			if slices.Contains(groups, AllGroups) || slices.Contains(groups, definition.Spec.Group) {
				out = append(out, definition)
			}
		}
	}
	return out, nil
}
