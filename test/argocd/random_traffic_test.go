package argocd

// service is one before a workload of the set; now and then with an address of its own.
func (g *generator) service() {
	namespace := g.namespace()
	spec := fields{"selector": fields{"app": g.any("Deployment", namespace)}}
	if g.chance(3) {
		spec["type"] = "LoadBalancer"
	}
	g.add("v1", "Service", namespace, "service", fields{"spec": spec})
}

func backend(service string) fields {
	return fields{"rules": []any{fields{"http": fields{"paths": []any{fields{
		"path": "/", "pathType": "Prefix", "backend": fields{"service": fields{"name": service, "port": fields{"number": int64(80)}}}}}}}}}
}

func (g *generator) ingress() {
	namespace := g.namespace()
	service := g.any("Service", namespace)
	if service == "" {
		return
	}
	spec := backend(service)
	if secret := g.any("certified Secret", namespace); secret != "" && g.chance(2) {
		spec["tls"] = []any{fields{"secretName": secret}}
	}
	g.add("networking.k8s.io/v1", "Ingress", namespace, "ingress", fields{"spec": spec})
}

func (g *generator) route() {
	namespace := g.namespace()
	service := g.any("Service", namespace)
	if service == "" {
		return
	}
	gateway := g.any("Gateway", namespace)
	if gateway == "" {
		gateway = g.add("gateway.networking.k8s.io/v1", "Gateway", namespace, "gateway", fields{"spec": fields{"gatewayClassName": "elsewhere"}})
	}
	g.add("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, "route", fields{"spec": fields{
		"parentRefs": []any{fields{"name": gateway}}, "rules": []any{fields{"backendRefs": []any{fields{"name": service, "port": int64(80)}}}}}})
}

// policy is a NetworkPolicy or a PodDisruptionBudget over a workload.
func (g *generator) policy() {
	namespace := g.namespace()
	app := g.any(shuffled(g, "Deployment", "StatefulSet"), namespace)
	if app == "" {
		return
	}
	selector := fields{"matchLabels": fields{"app": app}}
	if g.chance(5) {
		g.add("networking.k8s.io/v1", "NetworkPolicy", namespace, "default-deny", fields{"spec": fields{"podSelector": fields{}}})
		return
	}
	if g.chance(2) {
		g.add("networking.k8s.io/v1", "NetworkPolicy", namespace, "policy", fields{"spec": fields{"podSelector": selector}})
		return
	}
	g.add("policy/v1", "PodDisruptionBudget", namespace, "budget", fields{"spec": fields{"minAvailable": int64(1), "selector": selector}})
}

func (g *generator) autoscaler() {
	namespace := g.namespace()
	kind := shuffled(g, "Deployment", "StatefulSet", "Rollout")
	target := fields{"apiVersion": "apps/v1", "kind": kind, "name": g.any(kind, namespace)}
	if kind == "Rollout" {
		target["apiVersion"] = "argoproj.io/v1alpha1"
	}
	if target["name"] == "" {
		return
	}
	if !g.chance(3) {
		g.add("autoscaling/v2", "HorizontalPodAutoscaler", namespace, "scaler", fields{"spec": fields{"scaleTargetRef": target, "maxReplicas": int64(5)}})
		return
	}
	trigger := fields{"type": "kafka"}
	if g.chance(2) {
		trigger["authenticationRef"] = fields{"name": g.add("keda.sh/v1alpha1", "TriggerAuthentication", namespace, "trigger", nil)}
	}
	g.add("keda.sh/v1alpha1", "ScaledObject", namespace, "scaler", fields{"spec": fields{"scaleTargetRef": target, "triggers": []any{trigger}}})
}
