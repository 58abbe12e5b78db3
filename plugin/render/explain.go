package render

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

// explain turns what kustomize says into an error that begins with the cause, its file and line. kustomize nests one
// message per level and tries each path as a file and as a folder, so what went wrong is looked for again; only where
// nothing is found does kustomize's own message stand, without its wrappings.
func (f *fileSystem) explain(err error) error {
	if found := f.noKustomization(f.top); found != nil {
		return found
	}
	if found := f.componentElsewhere(); found != nil {
		return found
	}
	for _, k := range f.scanned {
		if found := f.inspect(k); found != nil {
			return found
		}
	}
	text := unquote(err.Error())
	for _, known := range []func(string) error{f.twice, f.refused, f.cycle} {
		if found := known(text); found != nil {
			return found
		}
	}
	return errors.New(f.innermost(text) + ": " + f.tidy(err.Error()))
}

// inspect looks for a fault in one kustomization or in the files it names.
func (f *fileSystem) inspect(k *kustomization) error {
	if err := k.malformed(); err != nil {
		return err
	}
	for _, ref := range references(&k.Kustomization) {
		if ref.role == asPatch && strings.ContainsAny(ref.path, "\n{") {
			if err := inspectInline(k, ref); err != nil {
				return err
			}
			continue
		}
		if err := f.inspectReference(k, ref); err != nil {
			return fmt.Errorf("%s: %s: %w", k.at(ref.field, ref.path), ref.field, err)
		}
		if err := f.inspectFile(path.Join(k.dir, ref.path), ref); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileSystem) inspectReference(k *kustomization, ref reference) error {
	resolved, isDir, err := f.resolver.resolve(path.Join(k.dir, ref.path))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", ref.path, reason(err))
	case isDir && ref.role == asFile:
		return fmt.Errorf("%s is a folder, and a file is wanted", ref.path)
	case isDir:
		return cmp.Or(f.noKustomization(resolved), f.wrongKind(k, ref, resolved))
	case ref.role == asComponent:
		return nil
	case k.dir != "." && !strings.HasPrefix(resolved, k.dir+"/"):
		return fmt.Errorf("%s lies outside %s; kustomize reads files only from the kustomization's own folder and below it "+
			"(a folder with a kustomization of its own may lie anywhere in the repository)", ref.path, k.dir)
	}
	return nil
}

// noKustomization says that a folder has no kustomization, if so.
func (f *fileSystem) noKustomization(dir string) error {
	resolved, isDir, err := f.resolver.resolve(dir)
	var outside *outsideError
	if errors.As(err, &outside) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, reason(err))
	}
	if !isDir {
		return fmt.Errorf("%s is a file; name the folder of the kustomization", dir)
	}
	var found []string
	var leads string
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if file, _, err := f.resolver.resolve(path.Join(resolved, name)); err == nil {
			found = append(found, name)
			leads = file
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("%s: no kustomization.yaml in this folder", orRoot(resolved))
	case 1:
		if resolved != "." && !strings.HasPrefix(leads, resolved+"/") {
			return fmt.Errorf("%s/%s is a link to %s; kustomize reads files only from the kustomization's own folder and below it",
				resolved, found[0], leads)
		}
		return nil
	}
	return fmt.Errorf("%s: more than one kustomization in this folder: %s", orRoot(resolved), strings.Join(found, ", "))
}

// reason is the bare cause of a failed look-up.
func reason(err error) error {
	var unsent notSentError
	if errors.As(err, &unsent) {
		return unsent
	}
	if errors.Is(err, errNotDir) {
		return errors.New("a file stands where the path goes on as if it were a folder")
	}
	if missing(err) {
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
	regexp.MustCompile(`loader.New `),
	regexp.MustCompile(`(?s)trouble configuring builtin \S+ with config: ` + "`.*?`" + `: `),
}

// unquote undoes the quoting that kustomize adds around the error of each component.
func unquote(text string) string {
	for {
		start := strings.Index(text, `"`)
		if start < 0 {
			return text
		}
		prefix := text[:start]
		inner, err := strconv.Unquote(text[start:])
		if err != nil || !strings.HasSuffix(prefix, "accumulateDirectory: ") && !strings.HasSuffix(prefix, "loader.New ") {
			return text
		}
		text = prefix + inner
	}
}

var recursed = regexp.MustCompile(`(?:recursed (?:accumulation of|merging from)|couldn't make target for) path '([^']*)'`)

// innermost is the file of the kustomization that kustomize was in.
func (f *fileSystem) innermost(text string) string {
	if len(f.scanned) == 0 {
		return f.top
	}
	paths := recursed.FindAllStringSubmatch(text, -1)
	for _, found := range slices.Backward(paths) {
		name := f.tidy(found[1])
		for _, k := range f.scanned {
			if k.dir == name || k.file == name {
				return k.file
			}
		}
	}
	return f.scanned[0].file
}

var candidate = regexp.MustCompile(`cycle detected: candidate root '([^']*)'`)

// cycle says which path leads back to what is being built.
func (f *fileSystem) cycle(text string) error {
	root := candidate.FindStringSubmatch(text)
	if root == nil {
		return nil
	}
	back := f.tidy(root[1])
	for _, k := range slices.Backward(f.scanned) {
		for _, ref := range references(&k.Kustomization) {
			resolved, isDir, err := f.resolver.resolve(path.Join(k.dir, ref.path))
			if err != nil || ref.role == asFile || !isDir && ref.role != asComponent {
				continue
			}
			if resolved == back || orRoot(resolved) == back || path.Dir(back) == resolved {
				return fmt.Errorf("%s: %s: %s leads back to what is being built", k.at(ref.field, ref.path), ref.field, ref.path)
			}
		}
	}
	return nil
}

// wrongKind says that a folder is listed as what it is not.
func (f *fileSystem) wrongKind(k *kustomization, ref reference, dir string) error {
	for _, listed := range f.scanned {
		if listed.dir != dir || listed == k || f.components.named(listed.file) != nil {
			continue
		}
		isComponent := listed.Kind == types.ComponentKind
		if ref.role == asComponent && !isComponent {
			return fmt.Errorf("%s is listed as a component, and %s does not say kind: Component", ref.path, listed.at("kind", ""))
		}
		if ref.role != asComponent && isComponent {
			return fmt.Errorf("%s says kind: Component; list %s under components", listed.at("kind", ""), ref.path)
		}
	}
	return nil
}

// withoutSecrets hides what a secretGenerator is given literally: messages end up in logs and in Argo CD's status.
func (f *fileSystem) withoutSecrets(text string) string {
	for _, k := range f.scanned {
		for _, generator := range k.SecretGenerator {
			for _, literal := range generator.LiteralSources {
				if literal != "" {
					text = strings.ReplaceAll(text, literal, "(hidden)")
				}
			}
		}
	}
	return text
}

// tidy takes kustomize's wrappings and the paths of its view of the tree out of a message.
func (f *fileSystem) tidy(text string) string {
	text = f.withoutSecrets(unquote(text))
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
