// Package simcluster is a small cluster in memory, good enough for Argo CD's own sync engine to work against.
//
// What is real: gitops-engine's sync and reconciliation, Argo CD's health checks with their Lua. What is simulated: the
// API server, and the controllers, which only ever write what real ones write into status. The rules by which a thing
// becomes ready are those of Kubernetes and of each operator; nothing in here knows about waves or calls Tidegate.
package simcluster

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Never is a number of ticks that does not come.
const Never = -1

// Environment is what depends on the cluster and not on the manifests. Its zero value is a cluster that answers at once.
type Environment struct {
	// IngressAddress is how many ticks an Ingress waits for its address; Never where no controller runs.
	IngressAddress int
	// LoadBalancerAddress is the same for a Service of type LoadBalancer.
	LoadBalancerAddress int
	// Addressless says, where it is set, which Ingresses and Services never get an address.
	Addressless func(kube.ResourceKey) bool
	// Pace makes everything take up to four ticks longer, each thing its own time, another one for every Pace but 0.
	Pace uint64
	// Kinds are more kinds that the API server knows, in the form of a line of kindTable.
	Kinds []string
}

// Cluster holds the objects that exist. What a set of manifests does not bring, and refers to, is taken to be there
// already: an operator, a Secret, a namespace.
type Cluster struct {
	mu        sync.Mutex
	namespace string
	env       Environment
	kinds     kindSet
	set       set
	live      map[kube.ResourceKey]*unstructured.Unstructured
	// applied remembers what Argo CD applied itself: that is what it sees as its own.
	applied map[kube.ResourceKey]bool
	log     []kube.ResourceKey
	// settled counts for how many ticks a condition has held.
	settled map[string]int
	ready   map[kube.ResourceKey]bool
	// started holds the workloads whose pods have ever run.
	started    map[kube.ResourceKey]bool
	violations []string
	// moves counts everything that changed; when it stands still, nothing will change any more.
	moves int
}

// New is a cluster that is going to receive these objects in the namespace.
func New(namespace string, objects []*unstructured.Unstructured, env Environment) *Cluster {
	kinds := newKinds(env.Kinds, objects)
	return &Cluster{
		namespace: namespace,
		env:       env,
		kinds:     kinds,
		set:       newSet(kinds, namespace, objects),
		live:      map[kube.ResourceKey]*unstructured.Unstructured{},
		applied:   map[kube.ResourceKey]bool{},
		settled:   map[string]int{},
		ready:     map[kube.ResourceKey]bool{},
		started:   map[kube.ResourceKey]bool{},
	}
}

// Violations are things that a user would have wanted prevented though no health check sees them.
func (c *Cluster) Violations() []string { return slices.Clone(c.violations) }

// Applied is the order in which objects were first applied.
func (c *Cluster) Applied() []kube.ResourceKey { return slices.Clone(c.log) }

// Tick lets every controller look at every object once.
func (c *Cluster) Tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys() {
		obj, ok := c.live[key]
		if !ok {
			continue
		}
		if obj.GetDeletionTimestamp() != nil {
			c.finalize(key, obj)
			continue
		}
		control, ok := controllers[key.GroupKind()]
		if !ok {
			continue
		}
		before := obj.DeepCopy()
		control(c, key, obj)
		if !reflect.DeepEqual(before.Object, obj.Object) {
			c.moves++
		}
	}
}

// controllers is what runs in the cluster, by the kind it looks after.
var controllers map[schema.GroupKind]func(*Cluster, kube.ResourceKey, *unstructured.Unstructured)

func init() {
	controllers = map[schema.GroupKind]func(*Cluster, kube.ResourceKey, *unstructured.Unstructured){
		{Kind: "Pod"}:                                              (*Cluster).runPod,
		{Kind: "PersistentVolumeClaim"}:                            (*Cluster).bindClaim,
		{Kind: "Service"}:                                          (*Cluster).giveServiceAddress,
		{Group: "apps", Kind: "Deployment"}:                        (*Cluster).rollOutDeployment,
		{Group: "apps", Kind: "StatefulSet"}:                       (*Cluster).rollOutStatefulSet,
		{Group: "apps", Kind: "DaemonSet"}:                         (*Cluster).rollOutDaemonSet,
		{Group: "batch", Kind: "Job"}:                              (*Cluster).runJob,
		{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}:    (*Cluster).scale,
		{Group: "policy", Kind: "PodDisruptionBudget"}:             (*Cluster).countDisruptions,
		{Group: "networking.k8s.io", Kind: "Ingress"}:              (*Cluster).giveIngressAddress,
		{Group: "apiregistration.k8s.io", Kind: "APIService"}:      (*Cluster).probeAPIService,
		{Group: "external-secrets.io", Kind: "SecretStore"}:        (*Cluster).openSecretStore,
		{Group: "external-secrets.io", Kind: "ClusterSecretStore"}: (*Cluster).openSecretStore,
		{Group: "external-secrets.io", Kind: "ExternalSecret"}:     (*Cluster).fetchSecret,
		{Group: "bitnami.com", Kind: "SealedSecret"}:               (*Cluster).unsealSecret,
		{Group: "cert-manager.io", Kind: "Issuer"}:                 (*Cluster).registerIssuer,
		{Group: "cert-manager.io", Kind: "ClusterIssuer"}:          (*Cluster).registerIssuer,
		{Group: "cert-manager.io", Kind: "Certificate"}:            (*Cluster).issueCertificate,
		{Group: "argoproj.io", Kind: "Rollout"}:                    (*Cluster).rollOutRollout,
		{Group: "keda.sh", Kind: "ScaledObject"}:                   (*Cluster).scaleOnEvents,
		{Group: "example.com", Kind: "Widget"}:                     func(*Cluster, kube.ResourceKey, *unstructured.Unstructured) {},
	}
}

// holds says whether a condition has been true for the given number of ticks in a row, this one included.
func (c *Cluster) holds(key kube.ResourceKey, what string, condition bool, ticks int) bool {
	counter := key.String() + " " + what
	if !condition {
		if c.settled[counter] != 0 {
			c.moves++
		}
		delete(c.settled, counter)
		return false
	}
	if ticks == Never {
		return false
	}
	ticks += c.env.lag(counter)
	if c.settled[counter] < ticks {
		c.settled[counter]++
		c.moves++
	}
	return c.settled[counter] >= ticks
}

// lag is how many ticks longer one thing takes.
func (e Environment) lag(what string) int {
	if e.Pace == 0 {
		return 0
	}
	hash := fnv.New64a()
	fmt.Fprint(hash, e.Pace, what)
	return int(hash.Sum64() % 5)
}

// has says whether the object exists and is not on its way out.
func (c *Cluster) has(key kube.ResourceKey) bool {
	obj, ok := c.live[key]
	return ok && obj.GetDeletionTimestamp() == nil
}

// present says whether the object exists, here or outside what the manifests bring.
func (c *Cluster) present(key kube.ResourceKey) bool {
	return c.has(key) || !c.set.brings(key)
}

// make creates an object on behalf of a controller; Argo CD does not see it as its own.
func (c *Cluster) make(apiVersion, kind, namespace, name string) {
	obj := &unstructured.Unstructured{}
	obj.SetAPIVersion(apiVersion)
	obj.SetKind(kind)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	key := kube.GetResourceKey(obj)
	if _, ok := c.live[key]; !ok {
		c.live[key] = obj
		c.moves++
	}
}

func (c *Cluster) keys() []kube.ResourceKey {
	return slices.SortedFunc(maps.Keys(c.live), byKey)
}

// byKey puts keys into a fixed order: controllers look at the core group first, then at apps.
func byKey(a, b kube.ResourceKey) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// own returns copies of what Argo CD would find by its tracking label.
func (c *Cluster) own() map[kube.ResourceKey]*unstructured.Unstructured {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[kube.ResourceKey]*unstructured.Unstructured{}
	for key, obj := range c.live {
		if c.applied[key] {
			out[key] = obj.DeepCopy()
		}
	}
	return out
}
