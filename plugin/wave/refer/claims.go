package refer

import "strings"

var (
	claimKind    = Kind{"", "PersistentVolumeClaim"}
	statefulKind = Kind{"apps", "StatefulSet"}
)

// claims: a StatefulSet uses the claims that its templates would make, where somebody made them before:
// data-postgres-0 of the template data in the StatefulSet postgres.
func (f *finder) claims() {
	users := map[secret]Edge{} // by namespace and the claim's name without its number
	for _, i := range f.set.Of(statefulKind) {
		item := &f.set.Items[i]
		for n, entry := range item.Object.List("spec", "volumeClaimTemplates") {
			m, _ := entry.(map[string]any)
			metadata, _ := m["metadata"].(map[string]any)
			if name, _ := metadata["name"].(string); name != "" {
				users[secret{item.ID.Namespace, name + "-" + item.ID.Name}] = Edge{
					From: i, Field: "spec.volumeClaimTemplates" + indexPart(n), Strength: Applied,
				}
			}
		}
	}
	if len(users) == 0 {
		return
	}
	for _, i := range f.set.Of(claimKind) {
		name := f.set.Items[i].ID.Name
		stem := strings.TrimRight(name, "0123456789")
		if e, ok := users[secret{f.set.Items[i].ID.Namespace, strings.TrimSuffix(stem, "-")}]; ok && stem != name {
			e.To = i
			f.add(e)
		}
	}
}
