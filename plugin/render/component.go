package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// mirrors is where kustomize finds components that are files. kustomize wants a folder with a kustomization; so a file
// at services/a/image-tag.yaml is shown as a folder /@component/1/services/a, where the kustomization is that file and
// everything else is what services/a holds.
const mirrors = "/@component"

// component is a file that a kustomization lists under components.
type component struct {
	number int
	file   string // free of links
	// lister and path are the kustomization that first listed it, and how.
	lister *kustomization
	path   string
}

// listed is the file and line that make it a component.
func (c *component) listed() string { return c.lister.at("components", c.path) }

func (c *component) prefix() string { return mirrors + "/" + strconv.Itoa(c.number) }

// root is the folder that kustomize takes the component for.
func (c *component) root() string { return path.Join(c.prefix(), path.Dir(c.file)) }

// isOwnKustomization says whether kustomize asks for the kustomization of the component itself.
func (c *component) isOwnKustomization(name string) bool {
	return path.Dir(name) == c.root() && isKustomization(path.Base(name))
}

// edit makes the file what kustomize demands of a component: kind and apiVersion.
func (c *component) edit(content []byte) ([]byte, error) {
	fields, err := decode(content)
	if err != nil {
		return content, nil // kustomize cannot read it either
	}
	kind, apiVersion := take(fields, "kind"), take(fields, "apiVersion")
	if kind != nil && kind != types.KustomizationKind && kind != types.ComponentKind {
		return nil, fmt.Errorf("%s:%d: is listed as a component at %s and says kind: %v; a component that is a file says "+
			"kind: Kustomization or kind: Component", c.file, line(content, "kind", ""), c.listed(), kind)
	}
	if apiVersion != nil && apiVersion != types.KustomizationVersion && apiVersion != types.ComponentVersion {
		return nil, fmt.Errorf("%s:%d: is listed as a component at %s and says apiVersion: %v; a component that is a file "+
			"says %s or %s", c.file, line(content, "apiVersion", ""), c.listed(), apiVersion, types.KustomizationVersion, types.ComponentVersion)
	}
	fields["kind"], fields["apiVersion"] = types.ComponentKind, types.ComponentVersion
	return json.Marshal(fields)
}

// decode reads a kustomization as kustomize does, which goes through JSON.
func decode(content []byte) (map[string]any, error) {
	asJSON, err := yaml.YAMLToJSON(content)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber() // a float64 would round what it cannot hold
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	if fields == nil {
		fields = map[string]any{}
	}
	return fields, nil
}

// take removes a field, in whatever case it is written, as kustomize's JSON decoder would read it: the last one counts.
func take(fields map[string]any, name string) any {
	var value any
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if strings.EqualFold(key, name) {
			value = fields[key]
			delete(fields, key)
		}
	}
	return value
}

// components are the files that the build uses as components.
type components struct {
	list   []*component
	byFile map[string]*component
}

// learn notes the component files of a kustomization before kustomize asks for them, and returns the new ones.
func (cs *components) learn(k *kustomization, resolve func(string) (string, bool, error)) []*component {
	known := len(cs.list)
	for _, listed := range k.Components {
		file, isDir, err := resolve(path.Join(k.dir, listed))
		if err != nil || isDir || cs.byFile[file] != nil {
			continue
		}
		if cs.byFile == nil {
			cs.byFile = map[string]*component{}
		}
		c := &component{number: len(cs.list) + 1, file: file, lister: k, path: listed}
		cs.list, cs.byFile[file] = append(cs.list, c), c
	}
	return cs.list[known:]
}

func (cs *components) named(file string) *component { return cs.byFile[file] }

// at returns the component in whose mirror a path lies.
func (cs *components) at(name string) *component {
	inside, found := strings.CutPrefix(name, mirrors+"/")
	if !found {
		return nil
	}
	number, _, _ := strings.Cut(inside, "/")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(cs.list) {
		return nil
	}
	return cs.list[n-1]
}

// show is the path under which kustomize shall know a folder that it asked for: the component's own folder stays in the
// mirror, every other leads out of it.
func (cs *components) show(asked, dir string) string {
	if c := cs.at(asked); c != nil && dir == path.Dir(c.file) {
		return c.root()
	}
	return path.Join(root, dir)
}

// showFile is the same for the folder of a file. kustomize demands that files lie below the folder of the kustomization
// that names them, so what is below the component's folder stays in the mirror.
func (cs *components) showFile(asked, dir string) string {
	c := cs.at(asked)
	if c == nil {
		return path.Join(root, dir)
	}
	own := path.Dir(c.file)
	if own == "." || dir == own || strings.HasPrefix(dir, own+"/") {
		return path.Join(c.prefix(), dir)
	}
	return path.Join(root, dir)
}
