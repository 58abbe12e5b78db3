package render

import (
	"path"

	"sigs.k8s.io/kustomize/api/types"
)

// comparisons bound how often kustomize compares two objects. It compares each of a kustomization with all others when
// they come into the kustomization that names it, and again for each of its components and of its strategic merge patches
// with a target (api/resmap/reswrangler.go, Append and ApplySmPatch).
type comparisons struct {
	// open are the kustomizations of which kustomize may still read something, each named by one before it.
	open []*accumulation
	// done is what those come to that are complete.
	done int
}

// accumulation is a kustomization with its components: they work on the same objects.
type accumulation struct {
	names  map[string]bool // files and folders, free of links
	before int             // objects that were read before it
	passes int             // how often all of its objects are compared
}

func (a *accumulation) comparisons(objects int) int {
	return (objects - a.before) * (objects - a.before) * a.passes
}

// reach completes the kustomizations inside the one that names what is read now: kustomize is done with each before it
// goes on with the one that names it. What nobody is known to name may belong to any.
func (c *comparisons) reach(place string, objects int) {
	for i := len(c.open) - 1; i >= 0; i-- {
		if !c.open[i].names[place] {
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
func (c *comparisons) enter(component bool, objects int) *accumulation {
	if !component || len(c.open) == 0 {
		c.open = append(c.open, &accumulation{names: map[string]bool{}, before: objects})
	}
	return c.open[len(c.open)-1]
}

// sum is what has been read so far comes to.
func (c *comparisons) sum(objects int) int {
	sum := c.done
	for _, a := range c.open {
		sum += a.comparisons(objects)
	}
	return sum
}

// compare adds the comparisons that a kustomization asks for, each time it is read.
func (f *fileSystem) compare(k *kustomization) error {
	if f.budget.isolate {
		return nil
	}
	a := f.budget.comparisons.enter(k.Kind == types.ComponentKind, f.budget.objects)
	a.passes += f.passes(k)
	for _, ref := range references(&k.Kustomization) {
		if resolved, _, err := f.resolver.resolve(path.Join(k.dir, ref.path)); err == nil {
			a.names[resolved] = true
		}
	}
	return f.budget.use(k.file, 0, 0, 0)
}

// passes is how often a kustomization has all objects compared. Setting the namespace takes as long as two: it does not
// stop at the objects before.
func (f *fileSystem) passes(k *kustomization) int {
	passes := 1 + len(k.Transformers) + len(k.Validators)
	if k.Namespace != "" {
		passes += 2
	}
	for _, p := range k.Patches {
		content, err := []byte(p.Patch), error(nil)
		if p.Path != "" {
			content, err = f.peek(k.dir, p.Path)
		}
		if p.Target != nil && (err != nil || !isJSONPatch(content)) {
			passes++
		}
	}
	return passes
}
