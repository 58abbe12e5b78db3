package simcluster

import (
	"cmp"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// registerIssuer is cert-manager: an issuer that signs with a key from a Secret is not Ready without it.
func (c *Cluster) registerIssuer(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) {
		return
	}
	// The Secrets of a ClusterIssuer are in cert-manager's own namespace.
	namespace := cmp.Or(key.Namespace, "cert-manager")
	if operator, brought := c.set.operators[key.Group]; brought && key.Namespace == "" && c.set.watches(operator, "") {
		namespace = operator.Namespace
	}
	if name := str(obj.Object, "spec", "ca", "secretName"); name != "" && !c.present(core("Secret", namespace, name)) {
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", false, "ErrGetKeyPair", "secret "+name+" not found"))}
		return
	}
	if c.holds(key, "issuer", true, 1) {
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", true, "KeyPairVerified", ""))}
	}
}

// issueCertificate is cert-manager: while it waits, for the issuer or for a challenge, the Certificate is being issued.
func (c *Cluster) issueCertificate(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) || c.conditionHolds(key, "Ready") {
		return
	}
	issuer := kube.NewResourceKey(key.Group, cmp.Or(str(obj.Object, "spec", "issuerRef", "kind"), "Issuer"), "", str(obj.Object, "spec", "issuerRef", "name"))
	if issuer.Kind == "Issuer" {
		issuer.Namespace = key.Namespace
	}
	signed := c.conditionHolds(issuer, "Ready") && c.challengeReachable(key.Namespace, issuer)
	if c.holds(key, "certificate", signed, 3) {
		c.make("v1", "Secret", key.Namespace, secretMadeBy(obj))
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Ready", true, "Ready", "Certificate is up to date"))}
		return
	}
	obj.Object["status"] = map[string]any{"conditions": conditions(
		condition("Issuing", true, "DoesNotExist", "Issuing certificate as Secret does not exist"),
		condition("Ready", false, "DoesNotExist", "Issuing certificate as Secret does not exist"))}
}

// challengeReachable says whether an HTTP challenge that the issuer routes through an Ingress or a Gateway by name can
// be answered: it must be there.
func (c *Cluster) challengeReachable(namespace string, issuer kube.ResourceKey) bool {
	live, ok := c.live[issuer]
	if !ok {
		return true
	}
	for _, solver := range list(live.Object, "spec", "acme", "solvers") {
		if name := str(solver, "http01", "ingress", "name"); name != "" && !c.present(kube.NewResourceKey("networking.k8s.io", "Ingress", namespace, name)) {
			return false
		}
		for _, parent := range list(solver, "http01", "gatewayHTTPRoute", "parentRefs") {
			gateway := kube.NewResourceKey("gateway.networking.k8s.io", "Gateway", cmp.Or(str(parent, "namespace"), namespace), str(parent, "name"))
			if !c.present(gateway) {
				return false
			}
		}
	}
	return true
}
