package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// growth is what tells how large a render may become while kustomize changes its objects: how much text may land in how
// many places.
type growth struct {
	text    int64 // bytes of what changes objects, which may land in each
	line    int64 // the longest lines of kustomizations, which may land in each field …
	times   int64 // … as often as configurations and transformers say, beside once
	largest int64 // the largest file: no value that is copied was larger before
	places  int64 // the fields of all objects

	replaced int64 // fields of an object that replacements write
	matched  int64 // paths of theirs that may match any number of fields
	sources  []fieldPath
	targets  []fieldPath

	variables  bool
	uses       int64 // places that may hold a variable
	configured bool
}

// bound is how many bytes the changes may add; hardly any render adds more.
func (g *growth) bound(objects, copies int) float64 {
	value := float64(g.largest+g.text) * float64(int64(1)<<min(copies, 30))
	sum := float64(g.text)*float64(objects) + float64(g.line)*float64(1+g.times)*float64(g.places)
	sum += value * (float64(g.replaced)*float64(objects) + float64(g.matched)*float64(g.places))
	if g.variables {
		sum += value * float64(g.uses)
	}
	return sum
}

// read adds a file that becomes objects or says what becomes of them.
func (g *growth) read(content []byte, nodes int) {
	g.largest = max(g.largest, int64(len(content)))
	g.uses += int64(bytes.Count(content, []byte("$(")))
	if escapes(content) {
		g.uses += int64(len(content) / 2)
	}
	g.places += int64(nodes)
}

// change adds what lands in an object at one place, such as a patch.
func (g *growth) change(content []byte) { g.text += int64(len(content)) }

// spread adds what may land in any field, such as a label or a prefix.
func (g *growth) spread(content []byte) {
	g.change(content)
	longest := 0
	for line := range bytes.Lines(content) {
		longest = max(longest, len(line))
	}
	g.line += int64(longest)
}

// fieldPath is the path of a field in objects of a kind; no kind means any.
type fieldPath struct {
	kind  string
	steps []string
	text  string
}

func newFieldPath(kind, text string) fieldPath {
	if text == "" {
		text = types.DefaultReplacementFieldPath
	}
	if strings.ContainsAny(kind, `.*+?()|[]{}^$\`) {
		kind = "" // of a target it is a regular expression
	}
	return fieldPath{kind: kind, steps: utils.SmarterPathSplitter(strings.TrimPrefix(text, "."), "."), text: text}
}

// many says whether a step may match several fields.
func many(step string) bool { return step == "*" || strings.Contains(step, "=") }

// last is where the last step is that may match several fields; -1 if none is.
func (p fieldPath) last() int {
	for i := len(p.steps) - 1; i >= 0; i-- {
		if many(p.steps[i]) {
			return i
		}
	}
	return -1
}

// meets says whether so many steps of both paths may be the same.
func (p fieldPath) meets(q fieldPath, steps int) bool {
	if p.kind != "" && q.kind != "" && p.kind != q.kind {
		return false
	}
	for i := range steps {
		a, b := strings.Trim(p.steps[i], "[]"), strings.Trim(q.steps[i], "[]")
		if a != b && !many(a) && !many(b) && a != "-" && b != "-" {
			return false
		}
	}
	return true
}

// feeds says whether what is written to one path can be what is read from another: then each time can double it.
func (p fieldPath) feeds(source fieldPath) bool {
	return p.meets(source, min(len(p.steps), len(source.steps)))
}

// multiplies says whether what is written to one path can bring fields for the other to match.
func (p fieldPath) multiplies(target fieldPath) bool {
	return len(p.steps) <= target.last() && p.meets(target, len(p.steps))
}

// replace adds a replacement, or says why nobody knows what it comes to.
func (g *growth) replace(r types.Replacement) error {
	if r.Source != nil {
		g.sources = append(g.sources, newFieldPath(r.Source.Kind, r.Source.FieldPath))
	}
	for _, target := range r.Targets {
		if target == nil || target.Select == nil {
			continue // kustomize refuses it
		}
		paths := target.FieldPaths
		if len(paths) == 0 {
			paths = []string{""}
		}
		for _, text := range paths {
			p := newFieldPath(target.Select.Kind, text)
			g.targets = append(g.targets, p)
			g.replaced++
			if p.last() >= 0 {
				g.matched++
			}
		}
	}
	if len(g.targets) > maxReplacements || len(g.sources) > maxReplacements {
		return fmt.Errorf("there are more than %d replacements", maxReplacements)
	}
	return nil
}

// maxReplacements keeps the comparison of each with each short.
const maxReplacements = 1000

// fed says which replacement another can feed.
func (g *growth) fed() error {
	for _, target := range g.targets {
		for _, source := range g.sources {
			if target.feeds(source) {
				return fmt.Errorf("replacements write to %s what others read from %s", target.text, source.text)
			}
		}
		for _, other := range g.targets {
			if target.multiplies(other) {
				return fmt.Errorf("replacements write to %s, and to what they find there with %s", target.text, other.text)
			}
		}
	}
	return nil
}

// measureGrowth adds what a kustomization changes, or says with an unboundedError that what it comes to is not known.
func (f *fileSystem) measureGrowth(k *kustomization) error {
	g := &f.budget.growth
	if f.budget.isolate {
		return nil
	}
	g.spread(k.content)
	g.variables = g.variables || len(k.Vars) > 0
	g.configured = g.configured || len(k.Configurations) > 0
	if g.variables && g.configured {
		return unbounded("%s: it configures where variables are replaced, which may be the same place again and again", k.file)
	}
	for _, name := range k.patchFiles() {
		if content, err := f.peek(k.dir, name); err == nil {
			g.change(content)
		}
	}
	for _, name := range k.Configurations {
		if content, err := f.peek(k.dir, name); err == nil {
			g.times += int64(bytes.Count(content, []byte("path")))
		}
	}
	if err := f.measureReplacements(k); err != nil {
		return unbounded("%s: %v", k.file, err)
	}
	for _, list := range [][]string{k.Transformers, k.Validators, k.Generators} {
		for _, entry := range list {
			if reason := f.transformer(k, entry); reason != "" {
				return unbounded("%s: %s", k.file, reason)
			}
		}
	}
	return nil
}

// measureReplacements adds the replacements of a kustomization, or says why nobody knows what they come to.
func (f *fileSystem) measureReplacements(k *kustomization) error {
	g := &f.budget.growth
	before := len(g.targets)
	for _, field := range k.Replacements {
		list := []types.Replacement{field.Replacement}
		if field.Path != "" {
			content, err := f.peek(k.dir, field.Path)
			if err != nil {
				continue // kustomize says so
			}
			if !f.parses(content) {
				return fmt.Errorf("%s is too large for replacements", field.Path)
			}
			list = replacementsIn(content)
		}
		for _, r := range list {
			if err := g.replace(r); err != nil {
				return err
			}
		}
	}
	if len(g.targets) == before {
		return nil
	}
	return g.fed()
}

// replacementsIn reads a file of one replacement or of several. One that cannot be read is left for kustomize to refuse.
func replacementsIn(content []byte) []types.Replacement {
	var list []types.Replacement
	if yaml.Unmarshal(content, &list) == nil {
		return list
	}
	var one types.Replacement
	if yaml.Unmarshal(content, &one) != nil {
		return nil
	}
	return []types.Replacement{one}
}

// patchFiles are the files of the kustomization's patches.
func (k *kustomization) patchFiles() (files []string) {
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		if p.Path != "" {
			files = append(files, p.Path)
		}
	}
	for _, p := range k.PatchesStrategicMerge {
		files = append(files, string(p)) // a patch itself is no file
	}
	return files
}

// transformer adds an entry of transformers, or says why it may come to anything. What has several lines is taken for a
// file too: kustomize tries that where it is no YAML.
func (f *fileSystem) transformer(k *kustomization, entry string) (reason string) {
	content, err := f.peek(k.dir, entry)
	if strings.Contains(entry, "\n") && !above(k.dir, entry) {
		content = append([]byte(entry+"\n"), content...)
	} else if err != nil {
		return fmt.Sprintf("%s is no file, and may hold any transformer", path.Clean(entry))
	}
	for _, kind := range []string{"Patch", "Replacement"} {
		if bytes.Contains(content, []byte(kind)) || escapes(content) {
			return "it changes objects by transformers of its own, with patches or replacements"
		}
	}
	f.budget.growth.spread(content)
	f.budget.growth.times += int64(bytes.Count(content, []byte("path")))
	return ""
}
