package cmpserver

import (
	"encoding/json"
	"fmt"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
)

// Documents brings a stream of YAML, such as a plugin prints, into the form of Manifests: Argo CD's own reading of it.
func Documents(stream []byte) ([]string, error) {
	objects, err := kube.SplitYAML(stream)
	if err != nil {
		return nil, fmt.Errorf("not a stream of Kubernetes objects: %w", err)
	}
	var documents []string
	for _, object := range objects {
		document, err := json.Marshal(object.Object)
		if err != nil {
			return nil, err
		}
		documents = append(documents, string(document))
	}
	return documents, nil
}
