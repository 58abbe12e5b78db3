package preview

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/internal/strict"
)

// ReadApplications reads the Applications of a file, or of all YAML files below a folder. Other objects are left out. An
// error names file and line.
func ReadApplications(name string) ([]v1alpha1.Application, error) {
	var applications []v1alpha1.Application
	err := filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// A file that is named is read whatever its name.
		if entry.IsDir() || file != name && !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(file)) {
			return nil
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found, err := ParseApplications(file, content)
		applications = append(applications, found...)
		return err
	})
	if err == nil && len(applications) == 0 {
		err = fmt.Errorf("%s holds no Application", name)
	}
	return applications, err
}

// ParseApplications reads the Applications of a file strictly.
func ParseApplications(file string, data []byte) ([]v1alpha1.Application, error) {
	documents, err := strict.Documents(file, data)
	if err != nil {
		return nil, err
	}
	var applications []v1alpha1.Application
	for _, document := range documents {
		if document.Text("kind") != "Application" {
			continue
		}
		// What Argo CD writes into a live Application may be of another version, and does not matter here.
		var read struct {
			APIVersion string                   `json:"apiVersion"`
			Kind       string                   `json:"kind"`
			Metadata   metav1.ObjectMeta        `json:"metadata"`
			Spec       v1alpha1.ApplicationSpec `json:"spec"`
			Status     json.RawMessage          `json:"status"`
			Operation  json.RawMessage          `json:"operation"`
		}
		if err := document.Decode(&read); err != nil {
			return nil, err
		}
		if read.Metadata.Namespace == "" {
			read.Metadata.Namespace = Namespace
		}
		applications = append(applications, v1alpha1.Application{
			TypeMeta:   metav1.TypeMeta{APIVersion: read.APIVersion, Kind: read.Kind},
			ObjectMeta: read.Metadata, Spec: read.Spec,
		})
	}
	return applications, nil
}
