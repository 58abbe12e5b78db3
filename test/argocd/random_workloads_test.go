package argocd

import (
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// workloadSpec is the spec of a workload whose pods carry the label app.
func workloadSpec(app string, pod fields) fields {
	return fields{
		"selector": fields{"matchLabels": fields{"app": app}},
		"template": fields{"metadata": fields{"labels": fields{"app": app}}, "spec": pod},
	}
}

// pod is a pod's spec with references of every form to what has been made in the namespace.
func (g *generator) pod(namespace string) fields {
	container := fields{"name": "main", "image": "ghcr.io/example/main:1"}
	var envFrom, env, volumes []any
	for range g.IntN(3) {
		if name := g.any("ConfigMap", namespace); name != "" {
			switch g.IntN(3) {
			case 0:
				envFrom = append(envFrom, fields{"configMapRef": fields{"name": name}})
			case 1:
				env = append(env, fields{"name": "A", "valueFrom": fields{"configMapKeyRef": fields{"name": name, "key": "a"}}})
			case 2:
				volumes = append(volumes, fields{"name": "c", "configMap": fields{"name": name}})
			}
		}
		if name := g.any("made Secret", namespace); name != "" {
			switch g.IntN(4) {
			case 0:
				envFrom = append(envFrom, fields{"secretRef": fields{"name": name}})
			case 1:
				env = append(env, fields{"name": "B", "valueFrom": fields{"secretKeyRef": fields{"name": name, "key": "b"}}})
			case 2:
				volumes = append(volumes, fields{"name": "s", "secret": fields{"secretName": name}})
			case 3:
				volumes = append(volumes, fields{"name": "p", "projected": fields{"sources": []any{fields{"secret": fields{"name": name}}}}})
			}
		}
	}
	if g.chance(4) {
		envFrom = append(envFrom, fields{"secretRef": fields{"name": "never-comes", "optional": true}})
	}
	if name := g.any("PersistentVolumeClaim", namespace); name != "" && g.chance(2) {
		volumes = append(volumes, fields{"name": "d", "persistentVolumeClaim": fields{"claimName": name}})
	}
	container["env"], container["envFrom"] = env, envFrom
	pod := fields{"containers": []any{container}, "volumes": volumes}
	if g.chance(4) {
		pod["initContainers"], pod["containers"] = pod["containers"], []any{fields{"name": "main", "image": "ghcr.io/example/main:1"}}
	}
	if account := g.any("ServiceAccount", namespace); account != "" && g.chance(2) {
		pod["serviceAccountName"] = account
	}
	if class := g.any("PriorityClass", ""); class != "" && g.chance(2) {
		pod["priorityClassName"] = class
	}
	if secret := g.any("made Secret", namespace); secret != "" && g.chance(6) {
		pod["imagePullSecrets"] = []any{fields{"name": secret}}
	}
	return pod
}

func (g *generator) workload() {
	namespace := g.namespace()
	app := g.name("app")
	spec := workloadSpec(app, g.pod(namespace))
	switch kind := shuffled(g, "Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"); kind {
	case "StatefulSet":
		if g.chance(2) {
			spec["serviceName"] = g.add("v1", "Service", namespace, "headless", fields{"spec": fields{"clusterIP": "None", "selector": fields{"app": app}}})
		}
		if class := g.any("StorageClass", ""); class != "" && g.chance(2) {
			spec["volumeClaimTemplates"] = []any{fields{"metadata": fields{"name": "own"}, "spec": fields{"storageClassName": class}}}
		}
		g.put("apps/v1", kind, namespace, app, fields{"spec": spec})
	case "Job":
		delete(spec, "selector")
		spec["backoffLimit"] = int64(g.IntN(3))
		g.after(g.put("batch/v1", kind, namespace, app, fields{"spec": spec}), namespace)
	case "Pod":
		pod := g.put("v1", kind, namespace, app, fields{"spec": spec["template"].(fields)["spec"]})
		pod.Map("metadata")["labels"] = fields{"app": app}
	case "CronJob":
		delete(spec, "selector")
		g.put("batch/v1", kind, namespace, app, fields{"spec": fields{"schedule": "0 3 * * *", "jobTemplate": fields{"spec": spec}}})
	case "Deployment":
		if g.chance(3) {
			spec["replicas"] = int64(1 + g.IntN(3))
		}
		g.after(g.put("apps/v1", kind, namespace, app, fields{"spec": spec}), namespace)
	default:
		g.put("apps/v1", kind, namespace, app, fields{"spec": spec})
	}
}

// after makes a workload depend, now and then, on one or two made before it.
func (g *generator) after(object manifest.Object, namespace string) {
	var earlier []string
	for _, kind := range []string{"apps Deployment", "apps StatefulSet", "batch Job"} {
		group, kind, _ := strings.Cut(kind, " ")
		if name := g.any(kind, namespace); name != "" && name != object.Name() && g.chance(6) {
			earlier = append(earlier, group+"/namespaces/"+real(namespace)+"/"+kind+"/"+name)
		}
	}
	if len(earlier) > 0 {
		object.SetAnnotation("config.kubernetes.io/depends-on", strings.Join(earlier, ", "))
	}
}

// rollout names a Service or two, an analysis, perhaps an Ingress.
func (g *generator) rollout() {
	namespace := g.namespace()
	app := g.name("rollout")
	stable := g.add("v1", "Service", namespace, "stable", fields{"spec": fields{"selector": fields{"app": app}}})
	canary := fields{"stableService": stable, "canaryService": stable}
	if g.chance(2) {
		analysis := g.add("argoproj.io/v1alpha1", "AnalysisTemplate", namespace, "analysis", nil)
		canary["analysis"] = fields{"templates": []any{fields{"templateName": analysis}}}
	}
	if g.chance(3) {
		ingress := g.add("networking.k8s.io/v1", "Ingress", namespace, "stable", fields{"spec": backend(stable)})
		canary["trafficRouting"] = fields{"nginx": fields{"stableIngress": ingress}}
	}
	spec := workloadSpec(app, g.pod(namespace))
	spec["strategy"] = fields{"canary": canary}
	if g.chance(4) {
		spec["strategy"] = fields{"blueGreen": fields{"activeService": stable, "prePromotionAnalysis": canary["analysis"]}}
	}
	g.put("argoproj.io/v1alpha1", "Rollout", namespace, app, fields{"spec": spec})
}
