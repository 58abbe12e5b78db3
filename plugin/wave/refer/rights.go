package refer

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// account is a ServiceAccount, whether or not the set holds it.
type account struct{ namespace, name string }

// binding is a RoleBinding or ClusterRoleBinding.
type binding struct {
	item     int
	role     int // -1 where the set does not hold it
	subjects []account
	fields   []string // of the subjects
}

const rbacGroup = "rbac.authorization.k8s.io"

var serviceAccountKind = Kind{"", "ServiceAccount"}

// rights notes who runs as which account, and what the accounts may do.
func (f *finder) rights() {
	f.accountOf = map[account][]int{}
	for i := range f.set.Items {
		if item := &f.set.Items[i]; item.Pods != nil {
			who := item.account()
			f.accountOf[who] = append(f.accountOf[who], i)
		}
	}
	f.bindings = f.readBindings()
	f.control = f.controls()
}

// account is the one that an object's pods run as.
func (i *Item) account() account { return account{i.ID.Namespace, i.Pods.ServiceAccount()} }

// accounts: a workload needs the bindings of its ServiceAccount, and the pull secrets that the account adds to its pods.
func (f *finder) accounts() {
	for i := range f.set.Items {
		if item := &f.set.Items[i]; item.Pods != nil {
			f.pullSecrets(i, item.account())
		}
	}
	for _, b := range f.bindings {
		for n, subject := range b.subjects {
			for _, workload := range f.accountOf[subject] {
				f.add(Edge{From: workload, To: b.item, Field: f.fieldOf(b.item, b.fields[n]), Strength: Applied})
			}
		}
	}
}

func (f *finder) pullSecrets(workload int, who account) {
	i, ok := f.set.Find(serviceAccountKind, who.namespace, who.name)
	if !ok {
		return
	}
	for n, entry := range f.set.Items[i].Object.List("imagePullSecrets") {
		m, _ := entry.(map[string]any)
		if name, _ := m["name"].(string); name != "" {
			e := Edge{From: workload, Field: f.fieldOf(i, "imagePullSecrets"+indexPart(n)), Strength: Applied}
			f.need(e, secretKind, who.namespace, name, "")
		}
	}
}

// readBindings reads the bindings of the set that have ServiceAccounts for subjects.
func (f *finder) readBindings() []binding {
	var out []binding
	for _, kind := range []Kind{{rbacGroup, "RoleBinding"}, {rbacGroup, "ClusterRoleBinding"}} {
		for _, i := range f.set.Of(kind) {
			if b := f.readBinding(i); len(b.subjects) > 0 {
				out = append(out, b)
			}
		}
	}
	return out
}

func (f *finder) readBinding(i int) binding {
	object := f.set.Items[i].Object
	b := binding{item: i, role: -1}
	role := Kind{rbacGroup, object.String("roleRef", "kind")}
	if at, ok := f.set.Find(role, f.set.Items[i].ID.Namespace, object.String("roleRef", "name")); ok {
		b.role = at
	}
	for n, entry := range object.List("subjects") {
		subject := manifest.Object(nil)
		if m, ok := entry.(map[string]any); ok {
			subject = m
		}
		if subject.Kind() != serviceAccountKind.Kind {
			continue
		}
		namespace := subject.String("namespace")
		if namespace == "" {
			namespace = f.set.effective(serviceAccountKind, f.set.Items[i].ID.Namespace)
		}
		b.subjects = append(b.subjects, account{namespace, subject.String("name")})
		b.fields = append(b.fields, "subjects"+indexPart(n))
	}
	return b
}

// fieldOf writes a field that stands in another object than the edge's From.
func (f *finder) fieldOf(item int, field string) string {
	id := f.set.Items[item].ID
	return id.Kind + " " + id.Name + ": " + field
}

// writes says whether a rule of a role lets its holder change things.
func writes(rule map[string]any) bool {
	verbs, _ := rule["verbs"].([]any)
	return slices.ContainsFunc(verbs, func(v any) bool { return v == "update" || v == "patch" || v == "*" })
}

// statusOf reads the resource whose status or finalizers a rule's entry is about: certificates of certificates/status;
// * for every resource of the group.
func statusOf(resource any) (string, bool) {
	text, _ := resource.(string)
	if text == "*" {
		return "*", true
	}
	name, sub, _ := strings.Cut(text, "/")
	return name, sub == "status" || sub == "finalizers"
}
