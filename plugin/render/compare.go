package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// comparisons bound how often kustomize compares two objects. It compares each of a kustomization with all others when
// they come into the kustomization that names it, and again for each of its components and of its strategic merge patches
// that have a target or are in patchesStrategicMerge (api/resmap/reswrangler.go, Append and ApplySmPatch).
type comparisons struct {
	// open are the kustomizations of which kustomize may still read something, each named by one before it.
	open []*accumulation
	// done is what those come to that are complete.
	done int
}

// accumulation is a kustomization with its components: they work on the same objects.
type accumulation struct {
	parts  []*kustomization // without repetition
	before int              // objects that were read before it
	passes int              // how often all of its objects are compared
}

// work is what a kustomization has kustomize do each time that it is read.
type work struct {
	passes    int
	generated int             // objects
	names     map[string]bool // folders and files, free of links
}

func (a *accumulation) comparisons(objects int) int {
	return (objects - a.before) * (objects - a.before) * a.passes
}

func (a *accumulation) add(k *kustomization) {
	a.passes += k.work.passes
	if !slices.Contains(a.parts, k) {
		a.parts = append(a.parts, k)
	}
}

func (a *accumulation) names(place string) bool {
	return slices.ContainsFunc(a.parts, func(k *kustomization) bool { return k.work.names[place] })
}

// mayRead says whether it may be for this one that kustomize reads a file. Whatever names the file, kustomize lets none
// read files outside its own folder (api/internal/loader/loadrestrictions.go); but it builds any kustomization that one names.
func (a *accumulation) mayRead(file, place string) bool {
	return a.names(place) || slices.ContainsFunc(a.parts, func(k *kustomization) bool {
		return k.dir == "." || strings.HasPrefix(file, k.dir+"/")
	})
}

// reach completes the kustomizations inside the one for which a file is read now: kustomize is done with each before it
// goes on with the one that names it. Where several may be the one, it is the innermost: who is taken for open too long
// is charged too much. The place is what a kustomization is named by; empty for other files. A kustomization may be read as
// a file too, such as for a ConfigMap.
func (c *comparisons) reach(file, place string, objects int) {
	for i := len(c.open) - 1; i >= 0; i-- {
		if !c.open[i].mayRead(file, place) {
			continue
		}
		for _, complete := range c.open[i+1:] {
			c.done += complete.comparisons(objects)
		}
		c.open = c.open[:i+1]
		return
	}
}

// enter adds a kustomization that is read after so many objects.
func (c *comparisons) enter(k *kustomization, place string, objects int) {
	if k.Kind != types.ComponentKind {
		c.open = append(c.open, &accumulation{before: objects})
		c.open[len(c.open)-1].add(k)
		return
	}
	for _, a := range c.users(place) {
		a.add(k)
	}
}

// users are all on whose objects a component may work: of a base and its overlay that both name it, nothing tells for
// which it is read.
func (c *comparisons) users(place string) (users []*accumulation) {
	for _, a := range c.open {
		if a.names(place) {
			users = append(users, a)
		}
	}
	if users == nil {
		return c.open
	}
	return users
}

// sum is what has been read so far comes to.
func (c *comparisons) sum(objects int) int {
	sum := c.done
	for _, a := range c.open {
		sum += a.comparisons(objects)
	}
	return sum
}

// compare adds the comparisons that a kustomization asks for, and the objects that it makes, each time that it is read.
func (f *fileSystem) compare(k *kustomization, place string) error {
	if f.budget.isolate {
		return nil
	}
	if k.work == nil {
		k.work = &work{passes: f.passes(k), generated: f.generated(k), names: f.named(k)}
	}
	f.budget.comparisons.enter(k, place, f.budget.objects)
	if err := f.budget.use(k.file, k.work.generated, 0, 0); err != nil {
		return err
	}
	return f.budget.fits(k.file)
}

func (f *fileSystem) named(k *kustomization) map[string]bool {
	names := map[string]bool{}
	for _, ref := range references(&k.Kustomization) {
		if resolved, _, err := f.resolver.resolve(path.Join(k.dir, ref.path)); err == nil {
			names[resolved] = true
		}
	}
	return names
}

// passes is how often a kustomization has all objects compared. Setting the namespace takes as long as two: it does not
// stop at the objects before. So does each document of a transformer, which may set the namespace, and of a validator,
// after which all objects are compared with those before it.
func (f *fileSystem) passes(k *kustomization) int {
	passes := 1
	if k.Namespace != "" {
		passes += 2
	}
	for _, p := range k.PatchesStrategicMerge {
		passes += f.documents(k, string(p))
	}
	for _, list := range [][]string{k.Transformers, k.Validators} {
		for _, entry := range list {
			passes += 2 * f.documents(k, entry)
		}
	}
	for _, p := range k.Patches {
		content, err := contentOf(p, f.reader(k))
		if p.Target != nil && (err != nil || !isJSONPatch(content)) {
			passes++
		}
	}
	return min(passes, f.budget.limits.Comparisons)
}

// generated is how many objects a kustomization makes, beside those for which it reads a file.
func (f *fileSystem) generated(k *kustomization) int {
	generated := len(k.ConfigMapGenerator) + len(k.SecretGenerator)
	for _, entry := range k.Generators {
		if _, err := f.peek(k.dir, entry); err != nil {
			generated += f.documents(k, entry)
		}
	}
	return generated
}

// peeked are files that kustomize is about to read, and were looked at before that.
type peeked struct {
	documents map[string]int // of each file, free of links
	nodes     int            // of all of them
}

// parses says whether a file that kustomize has not read may be parsed: nobody else has counted its nodes yet.
func (f *fileSystem) parses(content []byte) bool {
	nodes, _ := breadthBound(content)
	f.peeked.nodes += nodes
	return f.peeked.nodes <= f.budget.limits.AllNodes
}

// documents bounds how many documents an entry has that is a file or the text itself, whichever kustomize takes it for.
func (f *fileSystem) documents(k *kustomization, entry string) int {
	if above(k.dir, entry) {
		return f.budget.limits.Comparisons // it may lead to any file
	}
	text := f.documentsIn([]byte(entry))
	content, err := f.peek(k.dir, entry)
	if err != nil {
		return text
	}
	file, _, _ := f.resolver.resolve(path.Join(k.dir, entry))
	if _, known := f.peeked.documents[file]; !known {
		nodes, _ := breadthBound(content)
		f.peeked.nodes += nodes
		f.peeked.documents[file] = f.documentsIn(content)
	}
	return max(text, f.peeked.documents[file])
}

// documentsIn counts objects in what nobody has checked yet: what this process refuses to read anyway counts as too many.
func (f *fileSystem) documentsIn(content []byte) int {
	if f.peeked.nodes > f.budget.limits.AllNodes {
		return f.budget.limits.Comparisons
	}
	if _, err := f.budget.shape(content); err != nil {
		return f.budget.limits.Comparisons
	}
	if mayList(content) {
		return objectCount(content) // an alias may stand for an object again
	}
	return objectBound(content, f.budget.limits.Objects)
}
