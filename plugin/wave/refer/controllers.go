package refer

import "strings"

// control is a right to write the status or the finalizers of custom resources, and the workloads that have it.
type control struct {
	workloads []int
	namespace string // the only one in which the right holds; "" for all
	field     string
}

// resource is what RBAC and webhooks call a kind.
type resource struct{ group, name string }

// Names for more than one resource: all of a group, and any of it.
const (
	wholeGroup = "*"
	anyOfGroup = ""
)

// controllers: a custom resource needs its controller, when the set holds it: the workload whose ServiceAccount may
// write the status or finalizers of such resources or, where none may write those of this kind, of others of its
// group. A role over all groups says nothing about any one of them. An Ingress has a controller in the same way.
func (f *finder) controllers() {
	if len(f.control) == 0 {
		return
	}
	for i := range f.set.Items {
		kind := f.set.Items[i].Kind
		if !custom(kind) && kind != ingressKind {
			continue
		}
		found := false
		for _, name := range append(f.set.resources(kind), wholeGroup) {
			found = f.controlled(i, f.control[resource{kind.Group, name}]) || found
		}
		if !found && custom(kind) {
			f.controlled(i, f.control[resource{kind.Group, anyOfGroup}])
		}
	}
}

// controlled adds the edges to the workloads of some rights, and says whether there are any. What is a custom resource
// of the group itself cannot be its controller.
func (f *finder) controlled(i int, controls []control) bool {
	item, found := &f.set.Items[i], false
	for _, c := range controls {
		if c.namespace != "" && c.namespace != item.ID.Namespace {
			continue
		}
		for _, workload := range c.workloads {
			if f.set.Items[workload].Kind.Group != item.Kind.Group {
				found = true
				f.add(Edge{From: i, To: workload, Field: c.field, Strength: Healthy})
			}
		}
	}
	return found
}

// home is the namespace of a group's controller, if the set holds it: there it looks for what cluster-scoped objects name.
func (f *finder) home(group, otherwise string) string {
	for _, c := range f.control[resource{group, anyOfGroup}] {
		if c.namespace == "" {
			return f.set.Items[c.workloads[0]].ID.Namespace
		}
	}
	return otherwise
}

var ingressKind = Kind{"networking.k8s.io", "Ingress"}

// controls reads the roles that workloads of the set have.
func (f *finder) controls() map[resource][]control {
	out := map[resource][]control{}
	for _, b := range f.bindings {
		if b.role < 0 {
			continue
		}
		c := control{namespace: f.set.Items[b.item].ID.Namespace}
		for _, subject := range b.subjects {
			for _, workload := range f.accountOf[subject] {
				if f.set.Items[workload].Pods.Serve {
					c.workloads = append(c.workloads, workload)
				}
			}
		}
		if len(c.workloads) > 0 {
			f.controlsOf(b.role, c, out)
		}
	}
	return out
}

func (f *finder) controlsOf(role int, c control, out map[resource][]control) {
	for n, entry := range f.set.Items[role].Object.List("rules") {
		rule, _ := entry.(map[string]any)
		if !writes(rule) {
			continue
		}
		c.field = f.fieldOf(role, "rules"+indexPart(n))
		groups, _ := rule["apiGroups"].([]any)
		names, _ := rule["resources"].([]any)
		for _, group := range groups {
			group, _ := group.(string)
			for _, name := range names {
				if name, ok := statusOf(name); ok {
					for _, name := range []string{name, anyOfGroup} {
						key := resource{group, name}
						out[key] = append(out[key], c)
					}
				}
			}
		}
	}
}

// resources are the names a kind may have as a resource: what its CustomResourceDefinition says, else what English
// makes likely.
func (s *Set) resources(kind Kind) []string {
	if plural := s.plurals[kind]; plural != "" {
		return []string{plural}
	}
	name := strings.ToLower(kind.Kind)
	names := []string{name, name + "s", name + "es"}
	if stem, ok := strings.CutSuffix(name, "y"); ok {
		names = append(names, stem+"ies")
	}
	return names
}
