package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// The schemas in custom resource definitions are most of what many large kustomizations hold, and nothing but patches and
// the like can change them. kustomize copies each of them dozens of times nevertheless. So it gets a short text in the place
// of each, and the schema is put into what comes out. Whatever is in doubt, before or after, is rendered with the files as
// they are.

// standIns are the schemas that kustomize does not see in one build.
type standIns struct {
	off     bool // kustomize gets every file as it is
	schemas []map[string]any
	// resources and others say how the files are used that kustomizations name.
	resources, others map[string]bool
}

// standInMark begins each text that stands for a schema.
const standInMark = "tidegate.dev/schema-"

// minSchema is from how many bytes on a file is worth it.
const minSchema = 4 << 10

// learn notes how a kustomization uses its files, and says whether it leaves schemas alone.
func (s *standIns) learn(f *fileSystem, k *kustomization) (plain bool) {
	for _, ref := range references(&k.Kustomization) {
		if strings.Contains(ref.path, "\n") {
			continue
		}
		file, isDir, err := f.resolver.resolve(path.Join(k.dir, ref.path))
		switch {
		case err != nil || isDir:
		case ref.role == asResource:
			s.resources[file] = true
		default:
			s.others[file] = true
		}
	}
	return leavesSchemas(k, f.reader(k))
}

// leavesSchemas says whether kustomize's own rules keep what a kustomization does out of the schemas of definitions.
// Patches are read with the function given.
func leavesSchemas(k *kustomization, read func(string) ([]byte, error)) bool {
	for _, labels := range k.Labels {
		if len(labels.FieldSpecs) > 0 {
			return false
		}
	}
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		if content, err := contentOf(p, read); err != nil || !patchesOthers(content, p.Target) {
			return false
		}
	}
	for _, p := range k.PatchesStrategicMerge {
		content := []byte(p)
		if !bytes.Contains(content, []byte("\n")) {
			var err error
			if content, err = read(string(p)); err != nil {
				return false
			}
		}
		if !patchesOthers(content, nil) {
			return false
		}
	}
	known := types.Kustomization{
		TypeMeta: k.TypeMeta, MetaData: k.MetaData, Resources: k.Resources, Bases: k.Bases, Components: k.Components,
		Namespace: k.Namespace, NamePrefix: k.NamePrefix, NameSuffix: k.NameSuffix, CommonLabels: k.CommonLabels, Labels: k.Labels,
		CommonAnnotations: k.CommonAnnotations, Images: k.Images, Replicas: k.Replicas, ConfigMapGenerator: k.ConfigMapGenerator,
		SecretGenerator: k.SecretGenerator, GeneratorOptions: k.GeneratorOptions, BuildMetadata: k.BuildMetadata,
		Patches: k.Patches, PatchesJson6902: k.PatchesJson6902, PatchesStrategicMerge: k.PatchesStrategicMerge,
	}
	return reflect.DeepEqual(known, k.Kustomization)
}

// literal is a kind that stands for itself where kustomize wants a regular expression.
var literal = regexp.MustCompile(`^[A-Za-z]+$`)

// patchesOthers says whether a patch cannot meet a definition.
func patchesOthers(patch []byte, target *types.Selector) bool {
	if target != nil {
		return literal.MatchString(target.Kind) && target.Kind != "CustomResourceDefinition"
	}
	return !bytes.Contains(patch, []byte("CustomResource")) && !escapes(patch)
}

// shorten puts short texts in the places of schemas, if the file is one of objects and nothing else.
func (s *standIns) shorten(name string, content []byte) []byte {
	if s.off || len(content) < minSchema || !s.resources[name] || s.others[name] || !shortens(content) {
		return content
	}
	short, schemas := cutSchemas(content, len(s.schemas))
	s.schemas = append(s.schemas, schemas...)
	return short
}

// shortens says whether a file holds definitions in the plain form that generators give them. An alias could lead into a
// schema or out of it.
func shortens(content []byte) bool {
	return bytes.Contains(content, []byte("CustomResourceDefinition")) && !bytes.Contains(content, []byte(standInMark)) &&
		!bytes.ContainsAny(content, "\r\t") && !token(content, '*') && !token(content, '&') && !bytes.Contains(content, []byte("<<:"))
}

// cutSchemas cuts what lies below each openAPIV3Schema, and numbers the texts in their places. A schema that is not plain
// stays.
func cutSchemas(content []byte, number int) (short []byte, schemas []map[string]any) {
	lines := bytes.SplitAfter(content, []byte("\n"))
	for i := 0; i < len(lines); i++ {
		short = append(short, lines[i]...)
		key := bytes.TrimLeft(lines[i], " ")
		indent := len(lines[i]) - len(key)
		if indent == 0 || string(key) != "openAPIV3Schema:\n" {
			continue
		}
		end := i + 1
		for end < len(lines) && below(lines[end], indent) {
			end++
		}
		schema, ok := plainSchema(bytes.Join(lines[i+1:end], nil))
		if !ok {
			continue
		}
		short = append(short[:len(short)-1], fmt.Sprintf(" %s%d\n", standInMark, number+len(schemas))...)
		schemas = append(schemas, schema)
		i = end - 1
	}
	return short, schemas
}

// below says whether a line belongs to what is indented more: so do empty lines and comments.
func below(line []byte, indent int) bool {
	text := bytes.TrimLeft(line, " ")
	return len(line)-len(text) > indent || len(bytes.TrimSpace(text)) == 0 || text[0] == '#'
}

// plainSchema reads a schema that kustomize takes as it is.
func plainSchema(content []byte) (map[string]any, bool) {
	var node yaml.Node
	if yaml.Unmarshal(content, &node) != nil {
		return nil, false
	}
	schema, ok := manifest.FromPlainNode(&node)
	return schema, ok && !holdsNil(map[string]any(schema))
}

// holdsNil says whether a list has an empty entry, which kustomize refuses.
func holdsNil(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, item := range value {
			if holdsNil(item) {
				return true
			}
		}
	case []any:
		for _, item := range value {
			if item == nil || holdsNil(item) {
				return true
			}
		}
	}
	return false
}

// restore puts the schemas back, and says whether each of them has found its place.
func (s *standIns) restore(objects []manifest.Object) bool {
	if len(s.schemas) == 0 {
		return true
	}
	back := restorer{schemas: s.schemas, used: make([]bool, len(s.schemas))}
	for _, object := range objects {
		back.fields(object)
	}
	return !back.lost && back.count == len(s.schemas)
}

type restorer struct {
	schemas []map[string]any
	used    []bool
	count   int
	lost    bool // a text is not where a schema was
}

func (r *restorer) fields(fields map[string]any) {
	for key, value := range fields {
		if text, ok := value.(string); ok && key == "openAPIV3Schema" && strings.HasPrefix(text, standInMark) {
			n, err := strconv.Atoi(text[len(standInMark):])
			if err != nil || n < 0 || n >= len(r.schemas) || r.used[n] {
				r.lost = true
				return
			}
			fields[key], r.used[n], r.count = r.schemas[n], true, r.count+1
			continue
		}
		r.lost = r.lost || strings.Contains(key, standInMark)
		r.value(value)
	}
}

func (r *restorer) value(value any) {
	switch value := value.(type) {
	case string:
		r.lost = r.lost || strings.Contains(value, standInMark)
	case map[string]any:
		r.fields(value)
	case []any:
		for _, item := range value {
			r.value(item)
		}
	}
}
