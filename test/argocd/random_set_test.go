package argocd

import (
	"fmt"
	"math/rand/v2"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// generator makes random sets that some order can bring up: a thing refers only to things made before it, to what the
// cluster has anyway, or optionally to what never comes. The objects are shuffled in the end, and their names are
// random, so that neither the input's order nor the alphabet helps.
type generator struct {
	*rand.Rand
	objects []manifest.Object
	// in lists what has been made, by kind and namespace.
	in map[string][]string
	// named counts the names given, which makes them unique.
	named int
}

// randomSet is the set of a seed: 3 to 40 objects, a few more where the last thing needs company.
func randomSet(seed uint64) []manifest.Object {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), in: map[string][]string{}}
	size := 3 + g.IntN(38)
	g.foundations()
	for len(g.objects) < size {
		things := []func(){
			g.configMap, g.configMap, g.serviceAccount, g.secret, g.secret, g.secret, g.claim, g.workload, g.workload, g.workload, g.workload,
			g.service, g.ingress, g.policy, g.autoscaler, g.autoscaler, g.webhook, g.apiService, g.customResource, g.customResource, g.rollout, g.route, g.certificateThroughIngress,
		}
		things[g.IntN(len(things))]()
	}
	g.Shuffle(len(g.objects), func(i, j int) { g.objects[i], g.objects[j] = g.objects[j], g.objects[i] })
	return g.objects
}

type fields = map[string]any

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// namespace is one of four: the destination's, named or not, one that the set brings, and one that exists.
func (g *generator) namespace() string {
	return []string{"", "", destination, "fresh", "shared"}[g.IntN(5)]
}

// real is the namespace that an empty one stands for.
func real(namespace string) string {
	if namespace == "" {
		return destination
	}
	return namespace
}

func (g *generator) name(kind string) string {
	g.named++
	return fmt.Sprintf("%c%c-%s%d", 'a'+rune(g.IntN(26)), 'a'+rune(g.IntN(26)), kind, g.named)
}

// add makes an object with a name of its own and remembers it.
func (g *generator) add(apiVersion, kind, namespace, short string, rest fields) string {
	name := g.name(short)
	g.put(apiVersion, kind, namespace, name, rest)
	return name
}

func (g *generator) put(apiVersion, kind, namespace, name string, rest fields) manifest.Object {
	metadata := fields{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	object := manifest.Object{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}
	for field, value := range rest {
		object[field] = value
	}
	g.objects = append(g.objects, object)
	at := kind + " " + real(namespace)
	g.in[at] = append(g.in[at], name)
	return object
}

// any picks something made before, or "".
func (g *generator) any(kind, namespace string) string {
	names := g.in[kind+" "+real(namespace)]
	if len(names) == 0 {
		return ""
	}
	return names[g.IntN(len(names))]
}

// foundations are made first: the namespace that the set brings, classes, and the operators that it may bring.
func (g *generator) foundations() {
	g.put("v1", "Namespace", "", "fresh", nil)
	if g.chance(3) {
		g.configMap()
		g.configMap()
	}
	if g.chance(3) {
		g.add("scheduling.k8s.io/v1", "PriorityClass", "", "priority", fields{"value": int64(100)})
	}
	if g.chance(3) {
		g.add("storage.k8s.io/v1", "StorageClass", "", "class", fields{"provisioner": "example.com/disk"})
	}
	if g.chance(4) {
		g.operator("bitnami.com", "docker.io/bitnami/sealed-secrets-controller:1", "sealedsecrets", definition{"SealedSecret", "v1alpha1", true})
	}
	if g.chance(4) {
		g.operator("external-secrets.io", "ghcr.io/external-secrets/external-secrets:1", "*",
			definition{"ExternalSecret", "v1", true}, definition{"SecretStore", "v1", true}, definition{"ClusterSecretStore", "v1", false})
	}
	if g.chance(4) {
		g.operator("cert-manager.io", "quay.io/jetstack/cert-manager-controller:1", "*",
			definition{"Certificate", "v1", true}, definition{"Issuer", "v1", true}, definition{"ClusterIssuer", "v1", false})
	}
	if g.chance(4) {
		g.operator("argoproj.io", "quay.io/argoproj/argo-rollouts:1", "rollouts", definition{"Rollout", "v1alpha1", true}, definition{"AnalysisTemplate", "v1alpha1", true})
	}
	if g.chance(5) {
		g.operator("keda.sh", "ghcr.io/kedacore/keda:2", "*", definition{"ScaledObject", "v1alpha1", true}, definition{"TriggerAuthentication", "v1alpha1", true})
	}
	if g.chance(3) {
		g.operator("example.com", "ghcr.io/example/widget-operator:1", "widgets", definition{"Widget", "v1", true})
	}
}

// shuffled is one of the values at random.
func shuffled[T any](g *generator, values ...T) T { return values[g.IntN(len(values))] }
