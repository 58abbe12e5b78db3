package simcluster

import (
	"fmt"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// dependsOn is cli-utils' annotation, by which people say what no field says.
const dependsOn = "config.kubernetes.io/depends-on"

// watchDependencies notes an object that was applied before what it depends on was healthy.
func (c *Cluster) watchDependencies(key kube.ResourceKey, obj *unstructured.Unstructured) {
	for text := range strings.SplitSeq(obj.GetAnnotations()[dependsOn], ",") {
		parts := strings.Split(strings.TrimSpace(text), "/")
		var needed kube.ResourceKey
		switch {
		case len(parts) == 3:
			needed = kube.NewResourceKey(parts[0], parts[1], "", parts[2])
		case len(parts) == 5 && parts[1] == "namespaces":
			needed = kube.NewResourceKey(parts[0], parts[3], parts[2], parts[4])
		default:
			continue
		}
		if c.set.brings(needed) && !c.healthy(needed) {
			c.violations = append(c.violations, fmt.Sprintf("%s %s was applied before %s %s was healthy", key.Kind, key.Name, needed.Kind, needed.Name))
		}
	}
}

func (c *Cluster) healthy(key kube.ResourceKey) bool {
	obj, ok := c.live[key]
	if !ok {
		return false
	}
	status, err := health.GetResourceHealth(obj, HealthOverride)
	return err == nil && (status == nil || status.Status == health.HealthStatusHealthy)
}
