package refer

var (
	namespaceKind = Kind{"", "Namespace"}
	secretKind    = Kind{"", "Secret"}
	serviceKind   = Kind{"", "Service"}
)

// definitions: everything namespaced needs its Namespace, every custom resource its CustomResourceDefinition.
func (f *finder) definitions() {
	for i := range f.set.Items {
		item := &f.set.Items[i]
		if crd, ok := f.set.crds[item.Kind]; ok {
			f.add(Edge{From: i, To: crd, Field: "kind", Strength: Applied})
		}
		if item.ID.Namespace == "" {
			continue
		}
		if namespace, ok := f.set.Find(namespaceKind, "", item.ID.Namespace); ok {
			f.add(Edge{From: i, To: namespace, Field: "metadata.namespace", Strength: Applied})
		}
	}
}
