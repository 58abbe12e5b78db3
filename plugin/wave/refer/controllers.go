package refer

import "strings"

// control is a right to write the status or the finalizers of custom resources, and the workloads that have it.
type control struct {
	workloads []int
	namespace string // the only one in which the right holds; "" for all
	field     string
}

// resource is what RBAC and webhooks call a kind; name is * for all of a group.
type resource struct{ group, name string }

// controllers: a custom resource needs its controller, when the set holds it: the workload whose ServiceAccount may
// write the status or finalizers of such resources. A role over all groups says nothing about any one of them. An
// Ingress has a controller in the same way.
func (f *finder) controllers() {
	controls := f.controls()
	if len(controls) == 0 {
		return
	}
	for i := range f.set.Items {
		item := &f.set.Items[i]
		if !custom(item.Kind) && item.Kind != ingressKind {
			continue
		}
		for _, name := range append(f.resources(item.Kind), "*") {
			for _, c := range controls[resource{item.Kind.Group, name}] {
				if c.namespace != "" && c.namespace != item.ID.Namespace {
					continue
				}
				for _, workload := range c.workloads {
					f.add(Edge{From: i, To: workload, Field: c.field, Strength: Healthy})
				}
			}
		}
	}
}

var ingressKind = Kind{"networking.k8s.io", "Ingress"}

// controls reads the roles that workloads of the set have.
func (f *finder) controls() map[resource][]control {
	out := map[resource][]control{}
	for _, b := range f.readBindings() {
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
			if group == "*" {
				continue
			}
			for _, name := range names {
				if name, ok := statusOf(name); ok {
					key := resource{group, name}
					out[key] = append(out[key], c)
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

func (f *finder) resources(kind Kind) []string { return f.set.resources(kind) }
