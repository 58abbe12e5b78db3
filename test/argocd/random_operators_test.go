package argocd

import "strings"

// definition is a CustomResourceDefinition that an operator may bring along.
type definition struct {
	kind, version string
	namespaced    bool
}

func plural(kind string) string { return strings.ToLower(kind) + "s" }

func (g *generator) define(group string, d definition) {
	scope := "Cluster"
	if d.namespaced {
		scope = "Namespaced"
	}
	g.put("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", plural(d.kind)+"."+group, fields{"spec": fields{
		"group": group, "scope": scope,
		"names":    fields{"kind": d.kind, "plural": plural(d.kind)},
		"versions": []any{fields{"name": d.version, "served": true, "storage": true}},
	}})
}

// operator brings a controller with its account and rights, and perhaps its definitions and a webhook in front of them.
func (g *generator) operator(group, image, resources string, kinds ...definition) {
	namespace := shuffled(g, "fresh", "operators", "")
	account := g.add("v1", "ServiceAccount", namespace, "operator", nil)
	delete(g.in, "ServiceAccount "+real(namespace)) // nobody else runs as an operator
	rights := []any{fields{"apiGroups": []any{group}, "resources": []any{resources, resources + "/status"}, "verbs": []any{"*"}}}
	if resources == "*" {
		rights = []any{fields{"apiGroups": []any{group}, "resources": []any{"*"}, "verbs": []any{"*"}}}
	}
	role := g.add("rbac.authorization.k8s.io/v1", "ClusterRole", "", "operator", fields{"rules": rights})
	binding, in := "ClusterRoleBinding", ""
	if g.chance(4) {
		binding, in = "RoleBinding", namespace
	}
	g.add("rbac.authorization.k8s.io/v1", binding, in, "operator", fields{
		"roleRef":  fields{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
		"subjects": []any{fields{"kind": "ServiceAccount", "name": account, "namespace": real(namespace)}},
	})
	name := g.name("operator-" + kinds[0].kind)
	pod := fields{"serviceAccountName": account, "containers": []any{fields{"name": "operator", "image": image}}}
	if config := g.any("ConfigMap", namespace); config != "" {
		pod["volumes"] = []any{fields{"name": "config", "configMap": fields{"name": config}}}
	}
	g.put("apps/v1", "Deployment", namespace, name, fields{"spec": workloadSpec(name, pod)})
	if g.chance(2) || group == "example.com" {
		for _, d := range kinds {
			g.define(group, d)
		}
	}
	if g.chance(3) {
		g.inFrontOf(namespace, name, fields{"apiGroups": []any{group}, "apiVersions": []any{"*"}, "resources": []any{"*"}, "operations": []any{"CREATE", "UPDATE"}})
	}
	g.in["operator "+group] = []string{name}
	if binding == "ClusterRoleBinding" {
		g.in["namespace of "+group] = []string{namespace}
	}
}

// inFrontOf puts a webhook of the workload before what the rule matches.
func (g *generator) inFrontOf(namespace, workload string, rule fields) {
	service := g.add("v1", "Service", namespace, "hook", fields{"spec": fields{"selector": fields{"app": workload}}})
	webhook := fields{
		"name":         "hook.example.com",
		"clientConfig": fields{"service": fields{"namespace": real(namespace), "name": service}},
		"rules":        []any{rule},
	}
	if g.chance(4) {
		webhook["failurePolicy"] = "Ignore"
	}
	if g.chance(4) {
		webhook["namespaceSelector"] = fields{"matchExpressions": []any{fields{
			"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": []any{real(namespace)}}}}
	}
	kind := shuffled(g, "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
	configuration := g.put("admissionregistration.k8s.io/v1", kind, "", g.name("hook"), fields{"webhooks": []any{webhook}})
	if certificate := g.any("Certificate", namespace); certificate != "" && g.chance(2) {
		configuration.SetAnnotation("cert-manager.io/inject-ca-from", real(namespace)+"/"+certificate)
	}
}

// webhook is one of a program of the set, before pods, Ingresses or custom resources.
func (g *generator) webhook() {
	namespace := g.namespace()
	workload := g.any("Deployment", namespace)
	if workload == "" {
		return
	}
	everything := fields{"apiGroups": []any{"*"}, "apiVersions": []any{"*"}, "resources": []any{"*"}, "operations": []any{"CREATE", "UPDATE"}}
	if g.chance(5) {
		g.inFrontOf(namespace, workload, everything)
		return
	}
	g.inFrontOf(namespace, workload, shuffled(g,
		fields{"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "resources": []any{"pods"}, "operations": []any{"CREATE"}},
		fields{"apiGroups": []any{"networking.k8s.io"}, "apiVersions": []any{"v1"}, "resources": []any{"ingresses"}, "operations": []any{"CREATE", "UPDATE"}},
		fields{"apiGroups": []any{"example.org"}, "apiVersions": []any{"v1"}, "resources": []any{"gadgets"}, "operations": []any{"*"}},
	))
}

func (g *generator) apiService() {
	namespace := g.namespace()
	workload := g.any("Deployment", namespace)
	if workload == "" {
		return
	}
	service := g.add("v1", "Service", namespace, "api", fields{"spec": fields{"selector": fields{"app": workload}}})
	group := g.name("metrics") + ".example.com"
	g.put("apiregistration.k8s.io/v1", "APIService", "", "v1."+group, fields{"spec": fields{
		"group": group, "version": "v1", "service": fields{"namespace": real(namespace), "name": service}}})
}

// customResource is one without a health check: of the operator's kind, or of a kind that nobody looks after.
func (g *generator) customResource() {
	if len(g.in["operator example.com"]) > 0 && g.chance(2) {
		g.add("example.com/v1", "Widget", g.namespace(), "widget", nil)
		return
	}
	if len(g.in["CustomResourceDefinition "+destination]) == 0 || !contains(g.in["CustomResourceDefinition "+destination], "gadgets.example.org") {
		g.define("example.org", definition{"Gadget", "v1", true})
	}
	g.add("example.org/v1", "Gadget", g.namespace(), "gadget", nil)
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
