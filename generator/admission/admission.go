// Package admission decides what an ApplicationSet is answered when Applications of it are live: what is let go, what is
// held, and how many new ones may come.
//
// It never removes an Application on doubt, never holds back a change to one that stays, and never answers with nothing. It
// reads nothing, remembers nothing and knows no time but the one that it is told, so the same world gives the same answer.
package admission

import (
	"time"

	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// World is what is decided from.
type World struct {
	Now time.Time
	// ApplicationSet is the one that asks, as it is live. Without one the answer is a preview: nothing is held.
	ApplicationSet *live.ApplicationSet
	// Desired are the parameter sets that repository and fleet demand: those of a service in the order of its environments.
	Desired []params.Set
	// Unknown says why Desired is not known: sources that were never read, fail, are stale or doubtful. Empty: it is known.
	Unknown string
	// Ground is what Desired was computed from.
	Ground Ground
	// Live are the Applications of the ApplicationSet: those that Argo CD would delete, listed, not from an informer that may lag.
	// Without an ApplicationSet, those that belong to one of its name nevertheless.
	Live []live.Application
	// Taken are Applications of the same namespace that belong to another ApplicationSet, by name, with that one's name, or with
	// kind/name of what else controls them. Argo CD refuses to take them over.
	Taken map[string]string
	// Projects are the names of the AppProjects there are. Argo CD creates no Application whose project is missing. Nil: not
	// known.
	Projects map[string]bool
	Policy   Policy
}

// Ground is what repository and fleet hold, to say why an Application would go. What is missing in it lets nothing go.
type Ground struct {
	// Revision is the repository's, read completely.
	Revision string
	// Confirmed is when the revision was last seen to be the newest. What was made later may be of a newer one, which another
	// replica has read. Zero: not known.
	Confirmed time.Time
	// Overlays are the folders there are: of overlays and of cluster configurations.
	Overlays map[string]bool
	// Resources are the hashes of what a folder renders to (manifest.ID.Hash).
	Resources map[string][]uint64
	// Unrendered are the folders of which it is not known what they render to.
	Unrendered map[string]bool
	// Environments tell to which clusters each one goes.
	Environments map[string]*metav1.LabelSelector
	// Clusters are those of the fleet by name.
	Clusters map[string]fleet.Cluster
	// Input is what the ApplicationSet asks for.
	Input params.Input
}

// Decide works out the answer. Its error is a *Refusal.
func Decide(world World) (*Decision, error) {
	switch set := world.ApplicationSet; {
	case set == nil && len(world.Live) > 0:
		return nil, refuse(Orphaned, "the ApplicationSet that asks is not there, but %d Applications belong to one of its name (%s): they could be deleted by an answer without a guard. "+
			"Where it was deleted, they are being deleted with it, or it is to be made again", len(world.Live), world.Live[0].Name)
	case set == nil:
		return world.unguarded(Preview)
	case SwitchedOff(set):
		return world.unguarded(GuardOff)
	default:
		if partial := seeThrough(&set.Spec); partial != "" {
			return nil, refuse(PartialView, "%s; the annotation %s: %q on the ApplicationSet gives it the whole answer without any guard", partial, GuardAnnotation, guardOff)
		}
	}
	if err := world.once(); err != nil {
		return nil, err
	}
	if doubt := world.doubt(); doubt != "" {
		return world.stand(doubt)
	}
	return (&deciding{World: world, Decision: &Decision{}}).decide()
}

// once refuses a list that has an Application twice: what is live is not known then.
func (w *World) once() error {
	names := make(map[string]bool, len(w.Live))
	for i := range w.Live {
		if names[w.Live[i].Name] {
			return refuse(Broken, "the list of live Applications has %s twice", w.Live[i].Name)
		}
		names[w.Live[i].Name] = true
	}
	return nil
}

// unguarded is the whole answer.
func (w *World) unguarded(why Unguarded) (*Decision, error) {
	if doubt := w.doubt(); doubt != "" {
		return nil, refuse(NotKnown, "%s; nothing can be held without a guard, so there is no answer", doubt)
	}
	d := &Decision{Unguarded: why}
	all := make([]*params.Set, len(w.Desired))
	for i := range w.Desired {
		all[i] = &w.Desired[i]
	}
	return d, d.marshal(all)
}
