package plugin

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// finder finds the file that an object comes from, for messages. kustomize does not say, so the files it read are
// searched, and only when there is something to say.
type finder struct {
	tree  render.Tree
	dir   string // what was rendered
	files []string
}

// prefix is "services/a/base/secret.yaml:3: ", or the folder that was rendered where no file is found.
func (f finder) prefix(id manifest.ID) string {
	if id.Name == "" {
		return f.dir + ": "
	}
	for _, exact := range []bool{true, false} {
		for _, name := range f.files {
			content, err := f.tree.ReadFile(name)
			if err != nil {
				continue
			}
			if line := defines(content, id, exact); line > 0 {
				return fmt.Sprintf("%s:%d: ", path.Clean(name), line)
			}
		}
	}
	return f.dir + ": "
}

// defines tells the line on which a file defines the object: with its very name, or else with a name that kustomize may
// have given a prefix or a suffix.
func defines(content []byte, id manifest.ID, exact bool) int {
	if !bytes.Contains(content, []byte(id.Kind)) && !bytes.Contains(content, []byte("Generator")) {
		return 0
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return 0
		}
		if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
			continue
		}
		object := yaml.NewRNode(&document)
		if object.GetKind() == id.Kind && named(object.GetName(), id.Name, exact) {
			return document.Content[0].Line
		}
		if line := generates(object, id, exact); line > 0 {
			return line
		}
	}
}

// generates tells the line of the generator that makes the object.
func generates(kustomization *yaml.RNode, id manifest.ID, exact bool) int {
	field := map[string]string{"Secret": "secretGenerator", "ConfigMap": "configMapGenerator"}[id.Kind]
	if field == "" || exact {
		return 0
	}
	list := kustomization.Field(field)
	if list == nil || list.Value == nil {
		return 0
	}
	entries, err := list.Value.Elements()
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if name := entry.Field("name"); name != nil && named(name.Value.YNode().Value, id.Name, false) {
			return entry.YNode().Line
		}
	}
	return 0
}

func named(written, rendered string, exact bool) bool {
	if exact {
		return written == rendered
	}
	return written != "" && strings.Contains(rendered, written)
}
