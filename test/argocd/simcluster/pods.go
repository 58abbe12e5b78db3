package simcluster

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// podSet is the pods that one workload asks for.
type podSet struct {
	labels   map[string]string
	spec     map[string]any
	replicas int64
}

// podsOf reads the pods out of what starts them by itself; a CronJob does not.
func podsOf(obj *unstructured.Unstructured) (podSet, bool) {
	template := dict(obj.Object, "spec", "template")
	pods := podSet{labels: stringMap(dict(template, "metadata", "labels")), spec: dict(template, "spec"), replicas: 1}
	switch obj.GroupVersionKind().GroupKind() {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}:
		pods.replicas = number(obj.Object, 1, "spec", "replicas")
		if truth(obj.Object, "spec", "paused") {
			pods.replicas = 0
		}
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"},
		schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}:
		pods.replicas = number(obj.Object, 1, "spec", "replicas")
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}:
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		if truth(obj.Object, "spec", "suspend") {
			pods.replicas = 0
		}
	case schema.GroupKind{Kind: "Pod"}:
		pods.labels, pods.spec = obj.GetLabels(), dict(obj.Object, "spec")
	default:
		return podSet{}, false
	}
	return pods, true
}

// uncreated says why the pods of a workload cannot be created, or "".
func (c *Cluster) uncreated(key kube.ResourceKey, pods podSet) string {
	missing := func(kind kube.ResourceKey) string {
		if kind.Name == "" || c.present(kind) {
			return ""
		}
		return fmt.Sprintf("%s %q not found", strings.ToLower(kind.Kind), kind.Name)
	}
	pod, _ := c.kinds.find(podKind)
	refused := ""
	if err := c.admit(pod, key.Namespace, pods.labels); err != nil {
		refused = err.Error()
	}
	return cmp.Or(
		missing(core("ServiceAccount", key.Namespace, serviceAccount(pods.spec))),
		missing(kube.NewResourceKey("scheduling.k8s.io", "PriorityClass", "", str(pods.spec, "priorityClassName"))),
		missing(kube.NewResourceKey("node.k8s.io", "RuntimeClass", "", str(pods.spec, "runtimeClassName"))),
		refused,
	)
}

// unstarted says why pods that exist cannot run, or "".
func (c *Cluster) unstarted(key kube.ResourceKey, pods podSet) string {
	for _, claim := range claimsOf(pods.spec) {
		if !c.bound(core("PersistentVolumeClaim", key.Namespace, claim)) {
			return fmt.Sprintf("unbound PersistentVolumeClaim %q", claim)
		}
	}
	account := c.live[core("ServiceAccount", key.Namespace, serviceAccount(pods.spec))]
	for _, needed := range append(configurationOf(pods.spec), pullSecrets(account)...) {
		needed.Namespace = key.Namespace
		if !c.present(needed) {
			return fmt.Sprintf("%s %q not found", needed.Kind, needed.Name)
		}
	}
	return ""
}

// unauthorized names the first binding of the pods' ServiceAccount that is still to come, or its role: without it a
// program that was given rights crashes.
func (c *Cluster) unauthorized(key kube.ResourceKey, pods podSet) string {
	for _, at := range c.set.bindingsOf(key.Namespace, pods) {
		binding := c.set.objects[at]
		role := kube.NewResourceKey(at.Group, str(binding.Object, "roleRef", "kind"), "", str(binding.Object, "roleRef", "name"))
		if role.Kind == "Role" {
			role.Namespace = at.Namespace
		}
		if !c.has(at) || !c.present(role) {
			return fmt.Sprintf("forbidden: %s", at.Name)
		}
	}
	return ""
}

// begin looks at a workload and says what keeps its pods from being ready; "" when they run. It notes what ran too early.
func (c *Cluster) begin(key kube.ResourceKey, pods podSet) string {
	if why := cmp.Or(c.uncreated(key, pods), c.unstarted(key, pods)); why != "" {
		return why
	}
	if !c.started[key] {
		c.started[key] = true
		c.moves++
		c.watchPolicies(key, pods)
	}
	return c.unauthorized(key, pods)
}

// watchPolicies notes a NetworkPolicy of the set that would have covered these pods and is not there yet.
func (c *Cluster) watchPolicies(key kube.ResourceKey, pods podSet) {
	for _, at := range c.set.order {
		policy := c.set.objects[at]
		if at.Group != "networking.k8s.io" || at.Kind != "NetworkPolicy" || at.Namespace != key.Namespace || c.has(at) {
			continue
		}
		if selects(dict(policy.Object, "spec", "podSelector"), pods.labels) {
			c.violations = append(c.violations, fmt.Sprintf("pods of %s %s ran before NetworkPolicy %s", key.Kind, key.Name, at.Name))
		}
	}
}

func serviceAccount(spec map[string]any) string {
	name := cmp.Or(str(spec, "serviceAccountName"), str(spec, "serviceAccount"))
	if name == "default" {
		return ""
	}
	return name
}

func claimsOf(spec map[string]any) []string {
	var names []string
	for _, volume := range list(spec, "volumes") {
		if name := str(volume, "persistentVolumeClaim", "claimName"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// configurationOf lists the ConfigMaps and Secrets without which a pod does not start; the namespaces are left empty.
func configurationOf(spec map[string]any) []kube.ResourceKey {
	var out []kube.ResourceKey
	add := func(kind string, ref any, nameField string) {
		if name := str(ref, nameField); name != "" && !truth(ref, "optional") {
			out = append(out, core(kind, "", name))
		}
	}
	for _, field := range []string{"initContainers", "containers"} {
		for _, container := range list(spec, field) {
			for _, source := range list(container, "envFrom") {
				add("ConfigMap", at(source, "configMapRef"), "name")
				add("Secret", at(source, "secretRef"), "name")
			}
			for _, variable := range list(container, "env") {
				add("ConfigMap", at(variable, "valueFrom", "configMapKeyRef"), "name")
				add("Secret", at(variable, "valueFrom", "secretKeyRef"), "name")
			}
		}
	}
	for _, volume := range list(spec, "volumes") {
		add("ConfigMap", at(volume, "configMap"), "name")
		add("Secret", at(volume, "secret"), "secretName")
		for _, source := range list(volume, "projected", "sources") {
			add("ConfigMap", at(source, "configMap"), "name")
			add("Secret", at(source, "secret"), "name")
		}
	}
	for _, pull := range list(spec, "imagePullSecrets") {
		add("Secret", pull, "name")
	}
	return out
}

// pullSecrets are those that a ServiceAccount adds to its pods.
func pullSecrets(account *unstructured.Unstructured) []kube.ResourceKey {
	if account == nil {
		return nil
	}
	var out []kube.ResourceKey
	for _, pull := range list(account.Object, "imagePullSecrets") {
		out = append(out, core("Secret", "", str(pull, "name")))
	}
	return out
}

func subset(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

func splitName(namespacedName string) (namespace, name string) {
	namespace, name, _ = strings.Cut(namespacedName, "/")
	return namespace, name
}
