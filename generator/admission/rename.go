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

// places are those of its parameter set, and those that the Application itself is in: its annotation may not be readable, or
// may have been edited to tell of others.
func (g *gone) places() []place {
	var out []place
	if g.Cause != UnreadableAnnotation {
		out = places(&g.set)
	}
	service, environment := g.app.Labels[params.ServiceLabel], g.app.Labels[params.EnvironmentLabel]
	for _, cluster := range []string{g.app.DestinationServer, g.app.DestinationName} {
		if cluster == "" {
			continue
		}
		if g.app.Path != "" {
			out = append(out, place{cluster: cluster, namespace: g.app.DestinationNamespace, path: g.app.Path})
		}
		if service != "" {
			out = append(out, place{cluster: cluster, namespace: g.app.DestinationNamespace, service: service, environment: environment})
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
		g.at = g.places()
		for _, at := range g.at {
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

// delivered is a resource on a cluster, by its server or its name.
type delivered struct {
	cluster  string
	resource uint64
}

// moves finds services whose folder was renamed: their name and path are others now, but a new Application would deliver
// something that one which goes has delivered. What one that stays has delivered too, such as the namespace of several, tells
// nothing.
func (d *deciding) moves() {
	from := map[delivered]*gone{}
	for _, g := range slices.Concat(d.gone, d.going) {
		for _, cluster := range []string{g.set.Cluster.Server, g.set.Cluster.Name, g.app.DestinationServer, g.app.DestinationName} {
			for _, resource := range g.app.Resources {
				from[delivered{cluster, resource}] = g
			}
		}
	}
	for name, app := range d.live {
		if d.desired[name] == nil || app.Deleting {
			continue
		}
		for _, resource := range app.Resources {
			delete(from, delivered{app.DestinationServer, resource})
			delete(from, delivered{app.DestinationName, resource})
			delete(from, delivered{d.desired[name].Cluster.Server, resource})
			delete(from, delivered{d.desired[name].Cluster.Name, resource})
		}
	}
	for i := range d.Desired {
		set := &d.Desired[i]
		if d.live[set.Name] != nil || d.predecessors[set.Name] != "" {
			continue
		}
		if g := d.deliveredBefore(set, from); g != nil {
			d.succeeds(set, g)
		}
		if d.Ground.Unrendered[set.Path] {
			d.mayMove(set)
		}
	}
}

func (d *deciding) succeeds(set *params.Set, g *gone) {
	d.predecessors[set.Name] = g.Application
	if g.Successor == "" || set.Name < g.Successor {
		g.Successor = set.Name
	}
}

// mayMove takes what goes from where a new Application comes for its predecessor, while it is not known what that delivers.
func (d *deciding) mayMove(set *params.Set) {
	for _, g := range slices.Concat(d.gone, d.going) {
		if g.clusterConfig == (set.Kind == params.ClusterConfig) && slices.ContainsFunc(g.at, func(at place) bool { return at.near(set) }) {
			d.succeeds(set, g)
		}
	}
}

// near tells whether a place is in the environment, if that has a service, cluster and namespace of a parameter set.
func (at place) near(set *params.Set) bool {
	return (at.service != "") == (set.Service != "") && at.environment == set.Environment && at.namespace == set.Namespace &&
		(at.cluster == set.Cluster.Server || at.cluster == set.Cluster.Name)
}

// deliveredBefore is one of those that go which has delivered what the new one would.
func (d *deciding) deliveredBefore(set *params.Set, from map[delivered]*gone) *gone {
	for _, cluster := range []string{set.Cluster.Server, set.Cluster.Name} {
		for _, resource := range d.Ground.Resources[set.Path] {
			if g := from[delivered{cluster, resource}]; g != nil && cluster != "" {
				return g
			}
		}
	}
	return nil
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
