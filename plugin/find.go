package plugin

import (
	"bytes"
	"fmt"
	"math"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// finder finds the file that an object comes from, for messages. kustomize does not say, so the files it read are
// searched, and only when there is something to say; each is read once, however much there is to say.
type finder struct {
	tree  render.Tree
	dir   string // what was rendered
	files []string
	known map[string]*source
}

// source is a file of those.
type source struct {
	content   []byte
	parsed    bool
	documents []*yaml.RNode
}

// prefix is "services/a/base/secret.yaml:3: ", or the folder that was rendered where no file is found. An object has the very
// name that it is written with, or one to which kustomize has added something: then the longest that is written is its own.
func (f *finder) prefix(id manifest.ID) string {
	if id.Name == "" {
		return f.dir + ": "
	}
	file, best := "", place{}
	for _, name := range f.files {
		if found := f.source(name).defines(id); found.length > best.length {
			file, best = name, found
		}
	}
	if file == "" {
		return f.dir + ": "
	}
	return fmt.Sprintf("%s:%d: ", path.Clean(file), best.line)
}

// place is a line on which an object may be defined, and how long the name there is: infinite, if it is the object's very name,
// and 0, if there is none.
type place struct{ line, length int }

// source is empty where the file cannot be read.
func (f *finder) source(name string) *source {
	s := f.known[name]
	if s == nil {
		s = &source{}
		s.content, _ = f.tree.ReadFile(name)
		if f.known == nil {
			f.known = map[string]*source{}
		}
		f.known[name] = s
	}
	return s
}

// defines tells where the file defines the object.
func (s *source) defines(id manifest.ID) (best place) {
	if !bytes.Contains(s.content, []byte(id.Kind)) && !bytes.Contains(s.content, []byte("Generator")) {
		return place{}
	}
	s.parse()
	for _, object := range s.documents {
		if object.GetKind() == id.Kind {
			best = best.or(object.YNode(), object.GetName(), id.Name, true)
		}
		for _, entry := range generators(object, id.Kind) {
			if name := entry.Field("name"); name != nil {
				best = best.or(entry.YNode(), name.Value.YNode().Value, id.Name, false)
			}
		}
	}
	return best
}

// or is the better one of a place and a node with a name. What a generator makes has a hash after its name.
func (p place) or(node *yaml.Node, written, rendered string, mayBeExact bool) place {
	length := 0
	switch {
	case mayBeExact && written == rendered:
		length = math.MaxInt
	case strings.Contains(rendered, written):
		length = len(written)
	}
	if length <= p.length {
		return p
	}
	return place{node.Line, length}
}

// parse reads the objects of the file, up to a mistake in it.
func (s *source) parse() {
	if s.parsed {
		return
	}
	s.parsed = true
	decoder := yaml.NewDecoder(bytes.NewReader(s.content))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return
		}
		if len(document.Content) > 0 && document.Content[0].Kind == yaml.MappingNode {
			s.documents = append(s.documents, yaml.NewRNode(&document))
		}
	}
}

// generators are the entries of a kustomization that make objects of a kind.
func generators(kustomization *yaml.RNode, kind string) []*yaml.RNode {
	field := map[string]string{"Secret": "secretGenerator", "ConfigMap": "configMapGenerator"}[kind]
	if field == "" {
		return nil
	}
	list := kustomization.Field(field)
	if list == nil || list.Value == nil {
		return nil
	}
	entries, err := list.Value.Elements()
	if err != nil {
		return nil
	}
	return entries
}
