package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// measure adds what a kustomization asks for to the budget: the texts in it are read as YAML again, and whatever changes
// objects meets all of them. What it has made and compared is added by compare, each time that it is read.
func (f *fileSystem) measure(k *kustomization) error {
	copies := 0
	for _, text := range k.inline() {
		if _, err := f.budget.shape([]byte(text.path)); err != nil {
			_, reason, _ := strings.Cut(err.Error(), ": ")
			return fmt.Errorf("%s: in the text that begins here, %s", k.at(text.field, text.path), reason)
		}
		if err := f.budget.breadth(k.file, []byte(text.path)); err != nil {
			return err
		}
		copies += copiesIn([]byte(text.path))
	}
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		if file, err := f.peek(k.dir, p.Path); p.Path != "" && err == nil {
			copies += copiesIn(file)
		}
	}
	changes := len(k.Patches) + len(k.PatchesJson6902) + len(k.PatchesStrategicMerge) + len(k.Replacements) +
		len(k.Transformers) + len(k.Validators) + len(k.Images) + len(k.Replicas) + len(k.Labels) + len(k.Vars)
	if err := f.budget.use(k.file, 0, changes, copies); err != nil {
		return err
	}
	return f.budget.fits(k.file)
}

// inline lists the YAML texts in a kustomization, in the places of paths.
func (k *kustomization) inline() []reference {
	var texts []reference
	add := func(field string, list ...string) {
		for _, text := range list {
			texts = append(texts, reference{field: field, path: text, role: asPatch})
		}
	}
	for _, p := range k.Patches {
		add("patches", p.Patch)
	}
	for _, p := range k.PatchesJson6902 {
		add("patchesJson6902", p.Patch)
	}
	for _, p := range k.PatchesStrategicMerge {
		add("patchesStrategicMerge", string(p))
	}
	add("generators", k.Generators...)
	add("transformers", k.Transformers...)
	add("validators", k.Validators...)
	return texts
}

// copiesIn counts the copy operations of a JSON patch, if it is one.
func copiesIn(patch []byte) int {
	if !isJSONPatch(patch) {
		return 0
	}
	return bytes.Count(patch, []byte("copy"))
}

// objectBound is how many objects a file holds at most: its documents or, if it may hold lists, whatever says kind. If that is
// more than enough they are counted.
func objectBound(content []byte, enough int) int {
	if escapes(content) {
		return objectCount(content)
	}
	documents := bytes.Count(content, []byte("\n---")) + 1
	kinds := bytes.Count(content, []byte("kind"))
	if kinds <= documents || !mayList(content) {
		return documents
	}
	if kinds <= enough {
		return kinds
	}
	return objectCount(content)
}

// mayList says whether a kind in the file may end in List, by which kustomize knows a list. CustomResourceDefinitions
// name such a kind in listKind, which does not count.
func mayList(content []byte) bool {
	for rest := content; ; {
		before, after, found := bytes.Cut(rest, []byte("List"))
		if !found {
			return false
		}
		rest = after
		end := bytes.TrimLeft(after[:min(len(after), 80)], " \t\"'")
		line := before[bytes.LastIndexByte(before, '\n')+1:]
		ends := len(end) == 0 || bytes.IndexByte([]byte("\r\n,}]#"), end[0]) >= 0
		if ends && !bytes.Contains(line, []byte("listKind")) {
			return true
		}
	}
}

// objectCount counts the objects of a file, those in lists one by one.
func objectCount(content []byte) int {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	count := 0
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return count
		}
		for _, node := range document.Content {
			count += objectsIn(node)
		}
	}
}

func objectsIn(node *yaml.Node) int {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		items := node.Content[i+1]
		if items.Kind == yaml.AliasNode {
			items = items.Alias
		}
		if node.Content[i].Value != "items" || items.Kind != yaml.SequenceNode {
			continue
		}
		count := 0
		for _, item := range items.Content {
			count += objectsIn(item)
		}
		return max(count, 1) // it may be no list, whatever it calls its items
	}
	return 1
}
