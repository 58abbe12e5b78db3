package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"bytes"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxImage is how long the name of an image may be in this process: it is a pattern, which kustomize compiles for each container.
const maxImage = 1000

// measureSteps says with an unboundedError where kustomize would go a long way: it follows a path by recursion (api/filters/fieldspec),
// or from its beginning for each step (api/filters/replacement).
func (f *fileSystem) measureSteps(k *kustomization) error {
	if f.budget.isolate {
		return nil
	}
	for _, image := range k.Images {
		if len(image.Name) > maxImage {
			return unbounded("%s: the name of an image has %d bytes", k.file, len(image.Name))
		}
	}
	far := f.farthest(k)
	for _, content := range f.rules(k) {
		if !f.parses(content) {
			return unbounded("%s: its configurations, transformers and generators are too large", k.file)
		}
		far = max(far, stepsIn(content, f.budget.limits.Depth))
	}
	if far > f.budget.limits.Depth {
		return unbounded("%s: kustomize follows a path of %d steps", k.file, far)
	}
	return nil
}

// rules are the texts and files that tell kustomize in their own ways which fields it changes.
func (f *fileSystem) rules(k *kustomization) (all [][]byte) {
	for _, list := range [][]string{k.Configurations, k.Transformers, k.Validators, k.Generators} {
		for _, entry := range list {
			all = append(all, []byte(entry))
			if content, err := f.peek(k.dir, entry); err == nil {
				all = append(all, content)
			}
		}
	}
	return all
}

// farthest is how many steps the longest path has that a kustomization names. Those of patches lead nowhere that is not there.
func (f *fileSystem) farthest(k *kustomization) int {
	far := 0
	for _, label := range k.Labels {
		for _, field := range label.FieldSpecs {
			far = max(far, stepsOf(field.Path))
		}
	}
	for _, variable := range k.Vars {
		far = max(far, stepsOf(variable.FieldRef.FieldPath))
	}
	for _, paths := range [][]fieldPath{f.budget.growth.sources, f.budget.growth.targets} {
		for _, p := range paths {
			far = max(far, len(p.steps))
		}
	}
	return far
}

func stepsOf(path string) int { return strings.Count(path, "/") + strings.Count(path, ".") + 1 }

// stepsIn is how many steps the longest text of a file would have as a path, if it has more than enough separators at all.
func stepsIn(content []byte, enough int) int {
	if bytes.Count(content, []byte("/"))+bytes.Count(content, []byte(".")) < enough && !escapes(content) {
		return 0
	}
	far := 0
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return far // kustomize refuses it
		}
		far = max(far, stepsBelow(&document))
	}
}

func stepsBelow(node *yaml.Node) int {
	far := stepsOf(node.Value)
	for _, child := range node.Content {
		far = max(far, stepsBelow(child))
	}
	return far
}
