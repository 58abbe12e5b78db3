package refer

import (
	"fmt"
	"strings"
)

// DependsOn is the annotation of cli-utils in which people write down an order that no field says.
const DependsOn = "config.kubernetes.io/depends-on"

// DependsOnField is the path of DependsOn.
const DependsOnField = `metadata.annotations["` + DependsOn + `"]`

// declared: an object needs whatever its depends-on annotation names to have done its work.
func (f *finder) declared() error {
	for i := range f.set.Items {
		value, ok := f.set.Items[i].Object.Annotation(DependsOn)
		if !ok {
			continue
		}
		for text := range strings.SplitSeq(value, ",") {
			if text = strings.TrimSpace(text); text != "" {
				f.dependsOn(i, text)
			}
		}
	}
	return f.failure()
}

// dependsOn reads group/kind/name or group/namespaces/namespace/kind/name; the core group is empty.
func (f *finder) dependsOn(from int, text string) {
	parts := strings.Split(text, "/")
	var kind Kind
	var namespace, name string
	switch {
	case len(parts) == 5 && parts[1] == "namespaces":
		kind, namespace, name = Kind{parts[0], parts[3]}, parts[2], parts[4]
	case len(parts) == 3:
		kind, namespace, name = Kind{parts[0], parts[1]}, f.set.Items[from].ID.Namespace, parts[2]
	}
	if kind.Kind == "" || name == "" || len(parts) == 5 && namespace == "" {
		f.errs = append(f.errs, fmt.Errorf("%s: %s: %q is no reference; write group/namespaces/namespace/Kind/name, "+
			"or group/Kind/name for an object without namespace (the core group is empty: /namespaces/shop/ConfigMap/web)",
			f.set.Items[from].ID, DependsOnField, text))
		return
	}
	to, ok := f.set.Find(kind, namespace, name)
	if !ok {
		f.missing = append(f.missing, Missing{From: from, Field: DependsOnField, Text: text})
		return
	}
	f.add(Edge{From: from, To: to, Field: DependsOnField, Strength: Healthy, Declared: true})
}
