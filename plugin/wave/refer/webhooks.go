package refer

import (
	"slices"
	"strings"
)

const admissionGroup = "admissionregistration.k8s.io"

// webhook is one webhook of a configuration, as far as it decides whom it stops.
type webhook struct {
	config     int
	field      string
	rules      []any
	exact      bool // matchPolicy
	objects    selector
	namespaces selector
}

// webhooks: a custom resource that a webhook would be asked about needs the webhook's configuration, so that it is
// neither let in unseen nor turned away; not the resources that the webhook itself needs, which would wait for each
// other. It must run last: what a webhook needs is known only then.
func (f *finder) webhooks() {
	hooks := f.readWebhooks()
	if len(hooks) == 0 {
		return
	}
	out := f.outgoing()
	ancestors := map[int]map[int]bool{}
	byGroup := groupsAsked(hooks)
	for _, kind := range f.customKinds() {
		for _, n := range slices.Concat(byGroup[kind.Group], byGroup["*"]) {
			hook := &hooks[n]
			if !hook.asksAbout(f.set, kind, "") {
				continue
			}
			if ancestors[hook.config] == nil {
				ancestors[hook.config] = reach(out, hook.config)
			}
			for _, i := range f.set.Of(kind) {
				if !ancestors[hook.config][i] && hook.asksAbout(f.set, kind, version(f.set, i)) && f.inScope(hook, i) {
					f.add(Edge{From: i, To: hook.config, Field: hook.field, Strength: Healthy, Soft: true})
				}
			}
		}
	}
}

// groupsAsked lists the webhooks by the groups that their rules name.
func groupsAsked(hooks []webhook) map[string][]int {
	byGroup := map[string][]int{}
	for n, hook := range hooks {
		for _, entry := range hook.rules {
			rule, _ := entry.(map[string]any)
			groups, _ := rule["apiGroups"].([]any)
			for _, group := range groups {
				name, _ := group.(string)
				if list := byGroup[name]; len(list) == 0 || list[len(list)-1] != n {
					byGroup[name] = append(list, n)
				}
			}
		}
	}
	return byGroup
}

func (f *finder) readWebhooks() []webhook {
	var out []webhook
	for _, kind := range []Kind{{admissionGroup, "MutatingWebhookConfiguration"}, {admissionGroup, "ValidatingWebhookConfiguration"}} {
		for _, i := range f.set.Of(kind) {
			object := f.set.Items[i].Object
			for n, entry := range object.List("webhooks") {
				m, ok := entry.(map[string]any)
				if !ok || ignoresFailure(m, object.APIVersion()) {
					continue
				}
				hook := webhook{config: i, field: f.fieldOf(i, "webhooks"+indexPart(n)+".rules"), exact: m["matchPolicy"] == "Exact"}
				hook.rules, _ = m["rules"].([]any)
				hook.objects, _ = readSelector(m["objectSelector"])
				hook.namespaces, _ = readSelector(m["namespaceSelector"])
				out = append(out, hook)
			}
		}
	}
	return out
}

// ignoresFailure: a webhook whose failure is ignored turns nothing away. The default is Fail, but was Ignore in v1beta1.
func ignoresFailure(hook map[string]any, apiVersion string) bool {
	policy, ok := hook["failurePolicy"].(string)
	if !ok {
		return strings.HasSuffix(apiVersion, "/v1beta1")
	}
	return policy == "Ignore"
}

// customKinds are the kinds of custom resources in the set, in the order of the set.
func (f *finder) customKinds() []Kind {
	var out []Kind
	for i := range f.set.Items {
		kind := f.set.Items[i].Kind
		if custom(kind) && f.set.Of(kind)[0] == i {
			out = append(out, kind)
		}
	}
	return out
}

// asksAbout says whether a rule is about creating or updating objects of the kind, in that version if one is given and
// the webhook minds.
func (w *webhook) asksAbout(set *Set, kind Kind, version string) bool {
	names := append(set.resources(kind), "*", "*/*")
	for _, entry := range w.rules {
		rule, _ := entry.(map[string]any)
		if includes(rule["apiGroups"], kind.Group, "*") && includes(rule["operations"], "CREATE", "UPDATE", "*") &&
			includes(rule["resources"], names...) && (!w.exact || version == "" || includes(rule["apiVersions"], version, "*")) {
			return true
		}
	}
	return false
}

func version(set *Set, i int) string {
	_, version, _ := strings.Cut(set.Items[i].Object.APIVersion(), "/")
	return version
}

func includes(list any, values ...string) bool {
	entries, _ := list.([]any)
	for _, entry := range entries {
		for _, value := range values {
			if entry == value {
				return true
			}
		}
	}
	return false
}

// inScope looks at the selectors. Of a namespace that the set does not hold only the name is known, which Kubernetes
// writes on it as a label.
func (f *finder) inScope(hook *webhook, i int) bool {
	item := &f.set.Items[i]
	if !hook.objects.matches(item.Object.Map("metadata", "labels")) {
		return false
	}
	if item.ID.Namespace == "" || len(hook.namespaces.labels)+len(hook.namespaces.expressions) == 0 {
		return true
	}
	labels := map[string]any{"kubernetes.io/metadata.name": item.ID.Namespace}
	if at, ok := f.set.Find(namespaceKind, "", item.ID.Namespace); ok {
		for key, value := range f.set.Items[at].Object.Map("metadata", "labels") {
			labels[key] = value
		}
	}
	return hook.namespaces.matches(labels)
}

// outgoing lists by object what it needs.
func (f *finder) outgoing() map[int][]int {
	out := map[int][]int{}
	for _, e := range f.edges {
		out[e.From] = append(out[e.From], e.To)
	}
	return out
}

// reach returns all that an object needs, and what that needs.
func reach(out map[int][]int, from int) map[int]bool {
	seen := map[int]bool{from: true}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range out[queue[0]] {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return seen
}
