package simcluster

import (
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func (c *Cluster) giveServiceAddress(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if str(obj.Object, "spec", "type") == "LoadBalancer" && c.addressed(key, c.env.LoadBalancerAddress) {
		obj.Object["status"] = address()
	}
}

func (c *Cluster) giveIngressAddress(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if c.addressed(key, c.env.IngressAddress) {
		obj.Object["status"] = address()
	}
}

func (c *Cluster) addressed(key kube.ResourceKey, ticks int) bool {
	never := c.env.Addressless != nil && c.env.Addressless(key)
	return !never && c.holds(key, "address", true, ticks)
}

func address() map[string]any {
	return map[string]any{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": "192.0.2.1"}}}}
}

// probeAPIService is the aggregator, which asks the server behind the Service.
func (c *Cluster) probeAPIService(key kube.ResourceKey, obj *unstructured.Unstructured) {
	why := ""
	if service := dict(obj.Object, "spec", "service"); service != nil {
		why = c.unserved(str(service, "namespace"), str(service, "name"))
	}
	available := c.holds(key, "answer", why == "", 1)
	obj.Object["status"] = map[string]any{"conditions": conditions(condition("Available", available, "Probe", why))}
}
