package admission

import (
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/generator/params"
)

// place is where the resources of an Application are, and where they come from. Two Applications that share one manage the
// same resources: when the old name is deleted, it takes along what the new one has just taken over.
type place struct {
	// cluster is a server or a cluster's name.
	cluster, namespace string
	// path, or service and environment.
	path, service, environment string
}

func places(set *params.Set) []place {
	var out []place
	for _, cluster := range []string{set.Cluster.Server, set.Cluster.Name} {
		out = append(out, place{cluster: cluster, namespace: set.Namespace, path: set.Path})
		if set.Service != "" {
			out = append(out, place{cluster: cluster, namespace: set.Namespace, service: set.Service, environment: set.Environment})
		}
	}
	return out
}

func (g *gone) places() []place {
	var out []place
	if g.Cause != UnreadableAnnotation {
		out = places(&g.set)
	}
	for _, cluster := range []string{g.app.DestinationServer, g.app.DestinationName} {
		if cluster != "" && g.app.Path != "" {
			out = append(out, place{cluster: cluster, namespace: g.app.DestinationNamespace, path: g.app.Path})
		}
	}
	return out
}

// successors finds desired Applications in the places of those that nothing desires: renames and moves.
func (d *deciding) successors() {
	if len(d.gone)+len(d.going) == 0 {
		return
	}
	from := map[place][]*gone{}
	for _, g := range slices.Concat(d.gone, d.going) {
		for _, at := range g.places() {
			from[at] = append(from[at], g)
		}
	}
	for i := range d.Desired {
		set := &d.Desired[i]
		for _, at := range places(set) {
			for _, g := range from[at] {
				// The first by name, so that the order of the parameter sets makes no difference to an acknowledgement.
				if g.Successor == "" || set.Name < g.Successor {
					g.Successor = set.Name
				}
				d.predecessors[set.Name] = g.Application
			}
		}
	}
	d.moves()
	for _, g := range d.gone {
		if g.Successor != "" && g.Cause == "" {
			g.Cause, g.Why = Renamed, d.renamed(g)
		}
	}
}

// home is a namespace of a cluster.
type home struct{ server, namespace string }

// moves finds services whose folder was renamed: their name and path are others now, but where one Application goes and one
// comes in a namespace that has no others, they are taken for the same. A namespace that several share tells nothing.
func (d *deciding) moves() {
	comes, goes := map[home][]*params.Set{}, map[home][]*gone{}
	for _, g := range slices.Concat(d.gone, d.going) {
		if at := (home{g.set.Cluster.Server, g.set.Namespace}); at.namespace != "" {
			goes[at] = append(goes[at], g)
		}
	}
	if len(goes) == 0 {
		return
	}
	for i := range d.Desired {
		set := &d.Desired[i]
		if at := (home{set.Cluster.Server, set.Namespace}); goes[at] != nil {
			comes[at] = append(comes[at], set)
		}
	}
	for at, in := range comes {
		if len(in) != 1 || len(goes[at]) != 1 || d.live[in[0].Name] != nil {
			continue
		}
		if set, g := in[0], goes[at][0]; g.Successor == "" && set.Environment == g.set.Environment {
			g.Successor, d.predecessors[set.Name] = set.Name, g.Application
		}
	}
}

func (d *deciding) renamed(g *gone) string {
	if d.live[g.Successor] != nil {
		return fmt.Sprintf("%s, which is live too, has the same resources: deleting it with its resources would delete those of the other. "+
			"\"argocd app delete %s --cascade=false\" leaves them", g.Successor, g.Application)
	}
	return fmt.Sprintf("it is to be named %s: Argo CD would delete it with its resources, and %s would make them anew. To keep them, undo the change, "+
		"set finalizers to [] in tidegate.yaml for it, wait until the Application has none, and make the change again; or \"argocd app delete %s --cascade=false\". %s comes when it is gone, and takes over its resources",
		g.Successor, g.Successor, g.Application, g.Successor)
}
