package explain

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// planBuilder puts plans together by hand, so that these tests say nothing about how the planner decides.
type planBuilder struct{ plan wave.Plan }

func newPlan(namespace string) *planBuilder {
	return &planBuilder{plan: wave.Plan{Mode: wave.Tiers, Namespace: namespace, Delay: wave.Duration(wave.DefaultDelay)}}
}

func id(group, kind, namespace, name string) manifest.ID {
	return manifest.ID{Group: group, Kind: kind, Namespace: namespace, Name: name}
}

// add places a resource by its tier, or by the edge if there is one.
func (b *planBuilder) add(number int, tier string, id manifest.ID, reason wave.Reason, gate *wave.Gate) {
	r := wave.Resource{ID: id, APIVersion: apiVersion(id), Index: b.next(), Wave: number, Tier: tier, Reason: reason, Gate: gate}
	if n := len(b.plan.Waves); n == 0 || b.plan.Waves[n-1].Number != number {
		b.plan.Waves = append(b.plan.Waves, wave.Wave{Number: number})
	}
	last := &b.plan.Waves[len(b.plan.Waves)-1]
	last.Resources = append(last.Resources, r)
}

func (b *planBuilder) hook(phase string, number int, id manifest.ID) {
	b.plan.Hooks = append(b.plan.Hooks, wave.Resource{ID: id, APIVersion: apiVersion(id), Index: b.next(), Wave: number,
		Tier: "workloads", Hook: phase, Reason: wave.Reason{Kind: wave.ByHook, Text: "hook " + phase}})
}

func (b *planBuilder) edge(from, to manifest.ID, field string, strength wave.Strength) *wave.Edge {
	b.plan.Edges = append(b.plan.Edges, wave.Edge{From: from, To: to, Field: field, Strength: strength})
	return &b.plan.Edges[len(b.plan.Edges)-1]
}

func (b *planBuilder) find(severity wave.Severity, rule, message string, resources ...manifest.ID) {
	b.plan.Findings = append(b.plan.Findings, wave.Finding{Severity: severity, Rule: rule, Resources: resources, Message: message})
}

func (b *planBuilder) next() int {
	n := len(b.plan.Hooks)
	for _, w := range b.plan.Waves {
		n += len(w.Resources)
	}
	return n
}

// done closes the gates of all waves but the last and works out the cost.
func (b *planBuilder) done() *wave.Plan {
	for i := range b.plan.Waves {
		b.plan.Waves[i].Gated = i < len(b.plan.Waves)-1
	}
	b.plan.Cost = wave.Duration(max(0, len(b.plan.Waves)-1)) * b.plan.Delay
	return &b.plan
}

func apiVersion(id manifest.ID) string {
	if id.Group == "" {
		return "v1"
	}
	return id.Group + "/v1"
}

func byTier(tier string) wave.Reason {
	return wave.Reason{Kind: wave.ByTier, Text: "tier " + tier}
}

func byEdge(e *wave.Edge) wave.Reason {
	return wave.Reason{Kind: wave.ByEdge, Edge: e, Text: "after " + e.To.Kind + " " + e.To.Name}
}

// staging is the plan of the reference pipeline's payments-api in staging.
func staging() *wave.Plan {
	const ns = "payments-staging"
	b := newPlan(ns)
	account := id("", "ServiceAccount", ns, "payments-api")
	config := id("", "ConfigMap", ns, "payments-api-config")
	secret := id("external-secrets.io", "ExternalSecret", ns, "payments-api-secrets")
	service := id("", "Service", ns, "payments-api")
	deployment := id("apps", "Deployment", ns, "payments-api")
	hpa := id("autoscaling", "HorizontalPodAutoscaler", ns, "payments-api")

	b.edge(deployment, account, "spec.template.spec.serviceAccountName", wave.Applied)
	b.edge(deployment, config, "spec.template.spec.containers[0].envFrom[0].configMapRef", wave.Applied)
	needsSecret := b.edge(deployment, secret, "spec.template.spec.containers[0].envFrom[1].secretRef", wave.Healthy)
	scales := b.edge(hpa, deployment, "spec.scaleTargetRef", wave.Applied)

	b.add(-30, "access", account, byTier("access"), nil)
	b.add(-20, "configuration", config, byTier("configuration"), nil)
	b.add(-20, "configuration", secret, byTier("configuration"), &wave.Gate{Holds: 3, Until: "synced by the External Secrets Operator"})
	b.add(0, "workloads", service, byTier("workloads"), nil)
	b.add(0, "workloads", deployment, byEdge(needsSecret), &wave.Gate{Holds: 1, Until: "rolled out", Limit: "progressDeadlineSeconds (600 s)"})
	b.add(100, "leaf", hpa, byEdge(scales), nil)
	return b.done()
}

// troubled is a plan with hooks, a pin, a deadlock and warnings.
func troubled() *wave.Plan {
	const ns = "shop"
	b := newPlan(ns)
	namespace := id("", "Namespace", "", ns)
	account := id("", "ServiceAccount", ns, "shop")
	issuer := id("cert-manager.io", "ClusterIssuer", "", "letsencrypt")
	certificate := id("cert-manager.io", "Certificate", ns, "shop-tls")
	claim := id("", "PersistentVolumeClaim", ns, "shop-data")
	database := id("apps", "StatefulSet", "shop-data", "postgres")
	shop := id("apps", "Deployment", ns, "shop")
	webhook := id("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "", "shop-policy")
	ingress := id("networking.k8s.io", "Ingress", ns, "shop")
	migrate := id("batch", "Job", ns, "shop-migrate")
	smoke := id("batch", "Job", ns, "shop-smoke-test")

	b.edge(account, namespace, "metadata.namespace", wave.Applied)
	b.edge(certificate, issuer, "spec.issuerRef", wave.Healthy)
	mounts := b.edge(database, claim, "spec.template.spec.volumes[0].persistentVolumeClaim", wave.Applied)
	b.edge(shop, namespace, "metadata.namespace", wave.Applied)
	b.edge(shop, account, "spec.template.spec.serviceAccountName", wave.Applied)
	tls := b.edge(shop, certificate, "spec.template.spec.volumes[1].secret.secretName", wave.Healthy)
	depends := b.edge(shop, database, `metadata.annotations[config.kubernetes.io/depends-on]`, wave.Healthy)
	depends.Declared = true
	guards := b.edge(webhook, shop, "webhooks[0].clientConfig.service", wave.Healthy)
	routes := b.edge(ingress, shop, "spec.rules[0].http.paths[0].backend.service.name", wave.Applied)
	b.edge(migrate, account, "spec.template.spec.serviceAccountName", wave.Applied)

	b.add(-40, "foundations", namespace, byTier("foundations"), nil)
	b.add(-30, "access", account, byTier("access"), nil)
	b.add(-30, "workloads", claim, wave.Reason{Kind: wave.ByPin, Text: "pinned by its own annotation"},
		&wave.Gate{Holds: 7, Until: "bound"})
	b.add(-20, "configuration", issuer, byTier("configuration"), &wave.Gate{Holds: 6, Until: "ready"})
	b.add(-19, "configuration", certificate, byTier("configuration"), &wave.Gate{Holds: 5, Until: "issued"})
	b.add(0, "workloads", database, byEdge(mounts), &wave.Gate{Holds: 3, Until: "rolled out"})
	b.add(1, "workloads", shop, byEdge(tls), &wave.Gate{Holds: 2, Until: "rolled out", Limit: "progressDeadlineSeconds (600 s)"})
	b.add(20, "admission", webhook, byEdge(guards), nil)
	b.add(100, "leaf", ingress, byEdge(routes), nil)
	b.hook("PostSync", 0, smoke)
	b.hook("PreSync", 5, migrate)

	b.find(wave.Warning, "pin-against-edge", "the pin at wave -30 is earlier than the tier: remove the annotation", claim)
	b.find(wave.Deadlock, "gate-before-need", "the claim stays Pending until a pod of postgres uses it, and the wave of that pod waits for the claim: remove the annotation argocd.argoproj.io/sync-wave from the claim", claim, database)
	b.find(wave.Deadlock, "hook-needs-sync", "the PreSync hook runs before its ServiceAccount exists: make the ServiceAccount a PreSync hook of an earlier wave", migrate, account)
	return b.done()
}

// platform is a plan of about 45 resources: several services in one tree.
func platform(services int) *wave.Plan {
	const ns = "platform"
	b := newPlan(ns)
	namespace := id("", "Namespace", "", ns)
	store := id("external-secrets.io", "SecretStore", ns, "vault")
	each := func(f func(name string)) {
		for i := range services {
			f(fmt.Sprintf("service-%c%d", 'a'+i%26, i/26))
		}
	}
	b.add(-40, "foundations", namespace, byTier("foundations"), nil)
	each(func(name string) {
		account := id("", "ServiceAccount", ns, name)
		b.edge(account, namespace, "metadata.namespace", wave.Applied)
		b.add(-30, "access", account, byTier("access"), nil)
	})
	each(func(name string) {
		b.add(-20, "configuration", id("", "ConfigMap", ns, name+"-config-7f8g9h2k4m"), byTier("configuration"), nil)
	})
	b.add(-20, "configuration", store, byTier("configuration"), &wave.Gate{Holds: 4 * services, Until: "ready"})
	each(func(name string) {
		secret := id("external-secrets.io", "ExternalSecret", ns, name+"-secrets")
		e := b.edge(secret, store, "spec.secretStoreRef.name", wave.Healthy)
		b.add(-19, "configuration", secret, byEdge(e), &wave.Gate{Holds: 3 * services, Until: "synced by the External Secrets Operator"})
	})
	each(func(name string) { b.add(0, "workloads", id("", "Service", ns, name), byTier("workloads"), nil) })
	each(func(name string) {
		deployment := id("apps", "Deployment", ns, name)
		b.edge(deployment, namespace, "metadata.namespace", wave.Applied)
		b.edge(deployment, id("", "ServiceAccount", ns, name), "spec.template.spec.serviceAccountName", wave.Applied)
		b.edge(deployment, id("", "ConfigMap", ns, name+"-config-7f8g9h2k4m"), "spec.template.spec.volumes[0].configMap.name", wave.Applied)
		e := b.edge(deployment, id("external-secrets.io", "ExternalSecret", ns, name+"-secrets"), "spec.template.spec.containers[0].envFrom[0].secretRef", wave.Healthy)
		b.add(0, "workloads", deployment, byEdge(e), &wave.Gate{Holds: services, Until: "rolled out", Limit: "progressDeadlineSeconds (600 s)"})
	})
	each(func(name string) {
		e := b.edge(id("autoscaling", "HorizontalPodAutoscaler", ns, name), id("apps", "Deployment", ns, name), "spec.scaleTargetRef", wave.Applied)
		b.add(100, "leaf", e.From, byEdge(e), nil)
	})
	return b.done()
}

// hostileNames are what a manifest by somebody else may hold.
var hostileNames = []string{
	`quote"quote`, `back\slash\`, "new\nline\r\n\ttab", `<script>alert(1)</script>`, `</title></svg><script>x</script>`,
	`]]>--><!--`, "a&b;&lt;#quot;#35;", "`code` **bold**", `"]; end; click r0 "javascript:alert(1)"`, `"] }; evil -> evil [label="`,
	"\x1b[31mred\x1b[0m", "\xff\xfe bad utf-8", "\u202egnp.exe", "zero\x00byte", "支付服务-配置", "e\u0301\u0301\u0301", "🚢🌊",
	"%%{init: {}}%%", "end", "graph", "classDef x fill:#fff;", "style r0:#a;", `\N\G\l`, "name with spaces", "", "'single'",
	strings.Repeat("long-name-", 100),
}

// hostile puts every hostile string everywhere where a plan has one.
func hostile() *wave.Plan {
	b := newPlan(hostileNames[3])
	var before manifest.ID
	for i, s := range hostileNames {
		at := id(s, "Kind"+s, s, s)
		reason := wave.Reason{Kind: wave.ByEdge, Text: s}
		if i > 0 {
			reason.Edge = b.edge(at, before, s, []wave.Strength{wave.Applied, wave.Healthy}[i%2])
		}
		b.add(i/4, s, at, reason, &wave.Gate{Holds: i, Until: s, Limit: s})
		b.hook(s, i, id(s, "Hook"+s, s, s))
		b.find([]wave.Severity{wave.Deadlock, wave.Warning, wave.Severity(s)}[i%3], s, s, at, before)
		before = at
	}
	b.plan.Mode = wave.Mode(hostileNames[0])
	return b.done()
}
