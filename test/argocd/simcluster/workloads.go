package simcluster

import (
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// How many ticks a pod that can run takes to be ready, or a Job's to finish.
const (
	startUp  = 2
	jobTakes = 2
)

// run starts a workload's pods and reports how many are ready. A workload that is ready stays so: pods that run do not
// look again at what they were started with.
func (c *Cluster) run(key kube.ResourceKey, obj *unstructured.Unstructured) (desired, ready int64, why string) {
	pods, _ := podsOf(obj)
	if pods.replicas == 0 {
		c.ready[key] = false
		return 0, 0, ""
	}
	if c.ready[key] {
		return pods.replicas, pods.replicas, ""
	}
	why = c.begin(key, pods)
	if c.holds(key, "pods", why == "", startUp) {
		c.ready[key] = true
		return pods.replicas, pods.replicas, ""
	}
	return pods.replicas, 0, why
}

func (c *Cluster) rollOutDeployment(key kube.ResourceKey, obj *unstructured.Unstructured) {
	desired, ready, why := c.run(key, obj)
	obj.Object["status"] = map[string]any{
		"observedGeneration": obj.GetGeneration(), "replicas": desired, "updatedReplicas": desired,
		"readyReplicas": ready, "availableReplicas": ready,
		"conditions": conditions(condition("Available", ready == desired, "MinimumReplicas", why), condition("Progressing", true, "ReplicaSetUpdated", why)),
	}
}

func (c *Cluster) rollOutStatefulSet(key kube.ResourceKey, obj *unstructured.Unstructured) {
	desired, ready, why := c.run(key, obj)
	// The members of a set find each other through its headless Service.
	needs := []kube.ResourceKey{core("Service", key.Namespace, str(obj.Object, "spec", "serviceName"))}
	for _, claim := range list(obj.Object, "spec", "volumeClaimTemplates") {
		needs = append(needs, kube.NewResourceKey("storage.k8s.io", "StorageClass", "", str(claim, "spec", "storageClassName")))
	}
	for _, needed := range needs {
		if needed.Name != "" && !c.present(needed) {
			ready, why = 0, needed.Kind+" "+needed.Name+" not found"
			c.ready[key] = false
		}
	}
	obj.Object["status"] = map[string]any{
		"observedGeneration": obj.GetGeneration(), "replicas": desired, "updatedReplicas": desired, "currentReplicas": desired,
		"readyReplicas": ready, "currentRevision": "1", "updateRevision": "1",
		"conditions": conditions(condition("Ready", ready == desired, "Pods", why)),
	}
}

func (c *Cluster) rollOutDaemonSet(key kube.ResourceKey, obj *unstructured.Unstructured) {
	desired, ready, why := c.run(key, obj)
	obj.Object["status"] = map[string]any{
		"observedGeneration": obj.GetGeneration(), "desiredNumberScheduled": desired, "updatedNumberScheduled": desired, "numberAvailable": ready,
		"conditions": conditions(condition("Ready", ready == desired, "Pods", why)),
	}
}

// runJob finishes the Job's pods, or gives up when they crashed more often than it allows.
func (c *Cluster) runJob(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if len(list(obj.Object, "status", "conditions")) > 0 {
		return
	}
	pods, _ := podsOf(obj)
	if pods.replicas == 0 {
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Suspended", true, "JobSuspended", "Job suspended"))}
		return
	}
	why := c.begin(key, pods)
	switch limit := number(obj.Object, 6, "spec", "backoffLimit"); {
	case c.holds(key, "pods", why == "", jobTakes):
		obj.Object["status"] = map[string]any{"succeeded": int64(1), "conditions": conditions(condition("Complete", true, "CompletionsReached", ""))}
	case c.started[key] && c.holds(key, "crash", why != "", int(limit)+1):
		obj.Object["status"] = map[string]any{"conditions": conditions(condition("Failed", true, "BackoffLimitExceeded", why))}
	}
}

func (c *Cluster) runPod(key kube.ResourceKey, obj *unstructured.Unstructured) {
	_, ready, why := c.run(key, obj)
	phase := "Running"
	if !c.started[key] {
		phase = "Pending"
	}
	obj.Object["status"] = map[string]any{"phase": phase, "message": why, "conditions": conditions(condition("Ready", ready > 0, "Pods", why))}
}

// rollOutRollout is Argo Rollouts, which refuses a spec that names what is not there.
func (c *Cluster) rollOutRollout(key kube.ResourceKey, obj *unstructured.Unstructured) {
	if !c.operated(key) {
		return
	}
	phase, why := "Degraded", c.invalidRollout(key, obj)
	if why == "" {
		desired, ready, waiting := c.run(key, obj)
		phase, why = "Progressing", waiting
		if ready == desired {
			phase = "Healthy"
		}
	} else {
		why = "InvalidSpec: " + why
	}
	obj.Object["status"] = map[string]any{"observedGeneration": "1", "phase": phase, "message": why}
}

func (c *Cluster) invalidRollout(key kube.ResourceKey, obj *unstructured.Unstructured) string {
	canary, blueGreen := dict(obj.Object, "spec", "strategy", "canary"), dict(obj.Object, "spec", "strategy", "blueGreen")
	routing := dict(canary, "trafficRouting")
	needs := []kube.ResourceKey{
		core("Service", key.Namespace, str(canary, "stableService")),
		core("Service", key.Namespace, str(canary, "canaryService")),
		core("Service", key.Namespace, str(blueGreen, "activeService")),
		core("Service", key.Namespace, str(blueGreen, "previewService")),
		kube.NewResourceKey("networking.k8s.io", "Ingress", key.Namespace, str(routing, "nginx", "stableIngress")),
		kube.NewResourceKey("networking.k8s.io", "Ingress", key.Namespace, str(routing, "alb", "ingress")),
		kube.NewResourceKey("networking.istio.io", "VirtualService", key.Namespace, str(routing, "istio", "virtualService", "name")),
	}
	analyses := append(list(canary, "analysis", "templates"), list(blueGreen, "prePromotionAnalysis", "templates")...)
	for _, step := range list(canary, "steps") {
		analyses = append(analyses, list(step, "analysis", "templates")...)
	}
	for _, template := range analyses {
		analysis := kube.NewResourceKey("argoproj.io", "AnalysisTemplate", key.Namespace, str(template, "templateName"))
		if truth(template, "clusterScope") {
			analysis.Kind, analysis.Namespace = "ClusterAnalysisTemplate", ""
		}
		needs = append(needs, analysis)
	}
	for _, needed := range needs {
		if needed.Name != "" && !c.present(needed) {
			return needed.Kind + " " + needed.Name + " not found"
		}
	}
	return ""
}
