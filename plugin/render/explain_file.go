package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// inspectFile looks for a fault in a file that kustomize read as YAML.
func (f *fileSystem) inspectFile(name string, ref reference) error {
	name, isDir, err := f.resolver.resolve(name)
	if err != nil || isDir || f.components.named(name) != nil {
		return nil
	}
	if _, read := f.seen[name]; !read || ref.field == "configMapGenerator" || ref.field == "secretGenerator" {
		return nil
	}
	content, err := f.tree.ReadFile(name)
	if err != nil {
		return fmt.Errorf("%s: %w", ref.path, reason(err))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errors.New(name + placed(err.Error()))
		}
		if found := inspectDocument(&document, ref); found != nil {
			return fmt.Errorf("%s:%w", name, found)
		}
	}
}

// inspectDocument looks for what makes kustomize refuse an object.
func inspectDocument(document *yaml.Node, ref reference) error {
	if len(document.Content) == 0 || document.Content[0].ShortTag() == yaml.NodeTagNull {
		return nil
	}
	at := document.Content[0].Line
	if document.Content[0].Kind != yaml.MappingNode {
		if ref.role == asResource {
			return fmt.Errorf("%d: this is no object: a map with apiVersion, kind and metadata is wanted", at)
		}
		return nil
	}
	if err := sameKey(document); err != nil {
		return err
	}
	object := yaml.NewRNode(document)
	for _, name := range slices.Sorted(maps.Keys(object.GetAnnotations())) {
		if strings.HasPrefix(name, "internal.config.kubernetes.io/") {
			return fmt.Errorf("%d: the %s carries kustomize's own annotation %s; remove it", at, object.GetKind(), name)
		}
	}
	switch ref.field {
	case "generators", "transformers", "validators":
		return inspectPlugin(object, at)
	case "resources", "bases":
		if object.GetKind() == "" {
			return fmt.Errorf("%d: the object has no kind", at)
		}
		if object.GetName() == "" && !strings.HasSuffix(object.GetKind(), "List") {
			return fmt.Errorf("%d: the %s has no metadata.name", at, object.GetKind())
		}
	}
	return nil
}

// inspectPlugin refuses a generator, transformer or validator that is not built into kustomize.
func inspectPlugin(object *yaml.RNode, at int) error {
	_, function := object.GetAnnotations()["config.kubernetes.io/function"]
	switch kind := object.GetKind(); {
	case function:
		return fmt.Errorf("%d: %s is a function to execute, and Tidegate executes nothing; commit what it generates", at, kind)
	case kind == "HelmChartInflationGenerator":
		return fmt.Errorf("%d: Tidegate does not inflate Helm charts; commit what `helm template` prints", at)
	case object.GetApiVersion() != "builtin":
		return fmt.Errorf("%d: %s is an external plugin, and Tidegate executes nothing; commit what it generates", at, kind)
	}
	return nil
}

// sameKey looks for a key that a map has twice, which kustomize finds only when it writes the object.
func sameKey(node *yaml.Node) error {
	lines := map[string]int{}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.ScalarNode {
			if line, twice := lines[child.Value]; twice {
				return fmt.Errorf("%d: the key %s is given twice, first on line %d", child.Line, child.Value, line)
			}
			lines[child.Value] = child.Line
		}
		if err := sameKey(child); err != nil {
			return err
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s+)?line (\d+): `)

// placed turns what a YAML parser says, "yaml: line 2: …", into ":2: …".
func placed(text string) string {
	if at := yamlLine.FindStringSubmatchIndex(text); at != nil {
		return ":" + text[at[2]:at[3]] + ": " + text[at[1]:]
	}
	return ": " + strings.TrimPrefix(text, "yaml: ")
}

// inspectInline looks for a fault in objects that stand in a kustomization itself.
func inspectInline(k *kustomization, ref reference) error {
	decoder := yaml.NewDecoder(strings.NewReader(ref.path))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return nil
		}
		if err := inspectDocument(&document, ref); err != nil {
			_, what, _ := strings.Cut(err.Error(), ": ")
			return fmt.Errorf("%s: %s: %s", k.at(ref.field, ref.path), ref.field, what)
		}
	}
}

var (
	external = regexp.MustCompile(`unable to load external plugin '([^']+)'`)
	gotten   = regexp.MustCompile(`Get "([^"]+)": `)
)

// refused says where the plugin is that kustomize did not execute, or the address that it could not reach.
func (f *fileSystem) refused(text string) error {
	if plugin := external.FindStringSubmatch(text); plugin != nil {
		if places := f.places(plugin[1], ""); len(places) > 0 {
			return fmt.Errorf("%s: %s is a plugin or a function, and Tidegate executes nothing; commit what it generates", places[0], plugin[1])
		}
	}
	if strings.Contains(text, "must specify --enable-helm") {
		if places := f.places("HelmChartInflationGenerator", ""); len(places) > 0 {
			return fmt.Errorf("%s: Tidegate does not inflate Helm charts; commit what `helm template` prints", places[0])
		}
	}
	if url := gotten.FindStringSubmatch(text); url != nil {
		for _, file := range f.reads {
			content, err := f.tree.ReadFile(file)
			if before, _, found := bytes.Cut(content, []byte(url[1])); err == nil && found {
				return fmt.Errorf("%s:%d: %s is remote, and Tidegate fetches nothing; copy it into the repository",
					file, bytes.Count(before, []byte("\n"))+1, url[1])
			}
		}
	}
	return nil
}

var (
	registered = regexp.MustCompile(`already registered id: ([^.\s]+)\.\S+/([^/\s]+)\.\S+`)
	generated  = regexp.MustCompile(`merging from generator .*Kind:"([^"]*)".*Name:"([^"]*)".*behavior must be merge or replace`)
)

// twice says where the two objects are that have one identity.
func (f *fileSystem) twice(text string) error {
	if id := generated.FindStringSubmatch(text); id != nil {
		place := append(f.places(id[1], id[2]), f.innermost(text))[0]
		return fmt.Errorf("%s: the %s %s is there, and is generated too; the generator must say behavior: merge or replace",
			place, id[1], id[2])
	}
	id := registered.FindStringSubmatch(text)
	if id == nil {
		return nil
	}
	places := f.places(id[1], id[2])
	switch len(places) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s: the %s %s is rendered twice; does more than one path lead to this file?", places[0], id[1], id[2])
	}
	return fmt.Errorf("%s: the %s %s is defined twice, first at %s", places[1], id[1], id[2], places[0])
}

// places are the files and lines that define an object of that kind and name, or of any name.
func (f *fileSystem) places(kind, name string) []string {
	var places []string
	for _, file := range f.reads {
		content, err := f.tree.ReadFile(file)
		if err != nil {
			continue
		}
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		for {
			var document yaml.Node
			if decoder.Decode(&document) != nil {
				break
			}
			if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
				continue
			}
			if object := yaml.NewRNode(&document); object.GetKind() == kind && (name == "" || object.GetName() == name) {
				places = append(places, fmt.Sprintf("%s:%d", file, document.Content[0].Line))
			}
		}
	}
	return places
}
