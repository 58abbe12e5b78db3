package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/render"
)

// checkSourceFiles refuses a committed .argocd-source.yaml or .argocd-source-<application>.yaml that touches the plugin:
// Argo CD merges it over the Application (reposerver/repository, mergeSourceParameters), so that whoever may write to the
// repository could lower the policy or change the values.
func checkSourceFiles(request Request) error {
	names := []string{path.Join(request.Dir, ".argocd-source.yaml")}
	if request.App != "" {
		names = append(names, SourceFile(request.Dir, request.App))
	}
	for _, name := range names {
		content, err := render.ReadFile(request.Tree, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		if err := render.CheckText(content); err != nil {
			return fmt.Errorf("%s:%w", name, err)
		}
		if err := checkSourceFile(content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// SourceFile is where a file lies that is committed for one Application: all that a render takes its name for.
func SourceFile(dir, app string) string { return path.Join(dir, ".argocd-source-"+app+".yaml") }

func checkSourceFile(content []byte) error {
	asJSON, err := yaml.YAMLToJSON(content)
	if err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(asJSON, &fields); err != nil {
		return fmt.Errorf("not a map: %w", err)
	}
	for field := range fields {
		// Argo CD decodes the merged JSON with encoding/json, which takes a field in any case.
		if strings.EqualFold(field, "plugin") {
			return fmt.Errorf("it sets %s, which would change the plugin's parameters from Git; "+
				"set them in the Application, and remove the field here", field)
		}
	}
	return nil
}
