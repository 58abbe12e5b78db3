package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// explain turns what kustomize says into an error that begins with the cause, its file and line. kustomize nests one
// message per level and tries each path as a file and as a folder, so what went wrong is looked for again; only where
// nothing is found does kustomize's own message stand, without its wrappings.
func (f *fileSystem) explain(err error) error {
	for _, k := range f.scanned {
		if found := f.inspect(k); found != nil {
			return found
		}
	}
	if len(f.scanned) == 0 {
		if found := f.noKustomization(f.top); found != nil {
			return found
		}
	}
	at := f.top
	if len(f.scanned) > 0 {
		at = f.scanned[0].file
	}
	return errors.New(at + ": " + f.tidy(err.Error()))
}

// inspect looks for a fault in one kustomization or in the files it names.
func (f *fileSystem) inspect(k *kustomization) error {
	if err := k.malformed(); err != nil {
		return err
	}
	for _, ref := range references(&k.Kustomization) {
		if ref.role == asPatch && strings.ContainsAny(ref.path, "\n{") {
			continue
		}
		if err := f.inspectReference(k, ref); err != nil {
			return fmt.Errorf("%s: %s: %w", k.at(ref.field, ref.path), ref.field, err)
		}
	}
	return nil
}

func (f *fileSystem) inspectReference(k *kustomization, ref reference) error {
	if path.IsAbs(ref.path) {
		return fmt.Errorf("%s is an absolute path; name it relative to %s", ref.path, orRoot(k.dir))
	}
	resolved, isDir, err := f.resolver.resolve(path.Join(k.dir, ref.path))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", ref.path, reason(err))
	case isDir && ref.role == asFile:
		return fmt.Errorf("%s is a folder, and a file is wanted", ref.path)
	case isDir:
		return f.noKustomization(resolved)
	case ref.role == asComponent:
		return nil
	case k.dir != "." && !strings.HasPrefix(resolved, k.dir+"/"):
		return fmt.Errorf("%s lies outside %s; kustomize reads files only from the kustomization's own folder and below it "+
			"(a folder with a kustomization of its own may lie anywhere in the repository)", ref.path, k.dir)
	}
	return f.inspectFile(resolved, ref)
}

// inspectFile looks for a fault in a file that kustomize read as YAML.
func (f *fileSystem) inspectFile(name string, ref reference) error {
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
			return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if found := inspectDocument(&document, ref); found != nil {
			return fmt.Errorf("%s:%w", name, found)
		}
	}
}

// inspectDocument looks for what makes kustomize refuse an object.
func inspectDocument(document *yaml.Node, ref reference) error {
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	object, at := yaml.NewRNode(document), document.Content[0].Line
	for name := range object.GetAnnotations() {
		if strings.HasPrefix(name, "internal.config.kubernetes.io/") {
			return fmt.Errorf("%d: the %s carries kustomize's own annotation %s; remove it", at, object.GetKind(), name)
		}
	}
	switch ref.field {
	case "generators", "transformers", "validators":
		if _, ok := object.GetAnnotations()["config.kubernetes.io/function"]; ok {
			return fmt.Errorf("%d: %s is a function to execute, and Tidegate executes nothing; commit what it generates",
				at, object.GetKind())
		}
		if object.GetKind() == "HelmChartInflationGenerator" {
			return fmt.Errorf("%d: Tidegate does not inflate Helm charts; commit what `helm template` prints", at)
		}
		if object.GetApiVersion() != "builtin" {
			return fmt.Errorf("%d: %s is an external plugin, and Tidegate executes nothing; commit what it generates",
				at, object.GetKind())
		}
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

// malformed says why a kustomization cannot be read, if so.
func (k *kustomization) malformed() error {
	var again kustomization
	err := again.Unmarshal(k.content)
	if err == nil {
		if errs := again.EnforceFields(); len(errs) > 0 && k.Kind != "" {
			return fmt.Errorf("%s:%d: %s", k.file, line(k.content, "kind", ""), strings.Join(errs, "; "))
		}
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "invalid Kustomization: ")
	if _, field, found := strings.Cut(text, `json: unknown field "`); found {
		field = strings.TrimSuffix(field, `"`)
		return fmt.Errorf("%s:%d: unknown field %s%s", k.file, keyLine(k.content, field), field, suggestion(field))
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		top, _, _ := strings.Cut(wrong.Field, ".")
		return fmt.Errorf("%s:%d: %s is a %s, and kustomize wants %s", k.file, line(k.content, top, ""), wrong.Field, wrong.Value, wrong.Type)
	}
	return fmt.Errorf("%s: %s", k.file, text)
}

// noKustomization says that a folder has no kustomization, if so.
func (f *fileSystem) noKustomization(dir string) error {
	resolved, isDir, err := f.resolver.resolve(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, reason(err))
	}
	if !isDir {
		return fmt.Errorf("%s is a file; name the folder of the kustomization", dir)
	}
	var found []string
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if _, _, err := f.resolver.resolve(path.Join(resolved, name)); err == nil {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("%s: no kustomization.yaml in this folder", orRoot(resolved))
	case 1:
		return nil
	}
	return fmt.Errorf("%s: more than one kustomization in this folder: %s", orRoot(resolved), strings.Join(found, ", "))
}

// reason is the bare cause of a failed look-up.
func reason(err error) error {
	var unsent errNotSent
	if errors.As(err, &unsent) {
		return unsent
	}
	if missing(err) && !errors.Is(err, errNotDir) {
		return errors.New("no such file or folder")
	}
	return err
}

func orRoot(dir string) string {
	if dir == "." {
		return "the repository's root"
	}
	return dir
}

var wrappings = []*regexp.Regexp{
	regexp.MustCompile(`accumulating (resources|components): `),
	regexp.MustCompile(`accumulation err='accumulating resources from '[^']*': '[^']*' must resolve to a file': `),
	regexp.MustCompile(`recursed (accumulation of|merging from) path '[^']*': `),
	regexp.MustCompile(`accumulateDirectory: `),
}

// tidy takes kustomize's wrappings and the paths of its view of the tree out of a message.
func (f *fileSystem) tidy(text string) string {
	for _, wrapping := range wrappings {
		text = wrapping.ReplaceAllString(text, "")
	}
	for _, c := range f.components.list {
		text = strings.ReplaceAll(text, c.root()+"/kustomization.yaml", c.file)
		text = strings.ReplaceAll(text, c.root()+"/", strings.TrimPrefix(path.Dir(c.file)+"/", "./"))
		text = strings.ReplaceAll(text, c.root(), c.file)
	}
	text = strings.ReplaceAll(text, root+"/", "")
	return strings.TrimSpace(strings.ReplaceAll(text, root, "the repository"))
}
