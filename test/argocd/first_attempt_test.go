package argocd

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/argocd/simcluster"
	"github.com/tidegate/tidegate/test/sets"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// noAddresses is a cluster where nobody gives anything an address: nothing must wait for one that does not have to.
var noAddresses = simcluster.Environment{IngressAddress: simcluster.Never, LoadBalancerAddress: simcluster.Never}

// everybodyAnswers is a cluster where every address comes, sooner or later.
var everybodyAnswers = simcluster.Environment{IngressAddress: 4, LoadBalancerAddress: 3}

// onlyNamedGates is a cluster in which no Ingress gets an address, and a load balancer only where the plan names it as a
// gate: nobody must wait for an address without having been told.
func onlyNamedGates(plan *wave.Plan) simcluster.Environment {
	named := addressGates(plan)
	env := simcluster.Environment{IngressAddress: simcluster.Never, LoadBalancerAddress: 3}
	env.Addressless = func(key kube.ResourceKey) bool {
		return !slices.Contains(named, manifest.ID{Group: key.Group, Kind: key.Kind, Namespace: key.Namespace, Name: key.Name})
	}
	return env
}

// addressGates are the Ingresses and Services that the plan says the sync waits for.
func addressGates(plan *wave.Plan) []manifest.ID {
	var gates []manifest.ID
	for _, w := range plan.Waves {
		for _, r := range w.Resources {
			if kind := r.ID.GroupKind(); r.Gate != nil && (kind == "Ingress.networking.k8s.io" || kind == "Service") {
				gates = append(gates, r.ID)
			}
		}
	}
	return gates
}

// waveAnnotation is Argo CD's.
const waveAnnotation = "argocd.argoproj.io/sync-wave"

func numberedByKind(objects []manifest.Object) []*unstructured.Unstructured {
	out := copied(objects)
	sets.NumberByKind(out)
	return targets(out)
}

// sync runs one operation of Argo CD on a fresh cluster.
func sync(t testing.TB, objects []*unstructured.Unstructured, env simcluster.Environment) (simcluster.Result, *simcluster.Cluster) {
	t.Helper()
	cluster := simcluster.New(destination, objects, env)
	result, err := cluster.Sync(objects)
	if err != nil {
		t.Fatal(err)
	}
	return result, cluster
}

// A user loses a rollout that works at the first attempt: with Tidegate's order every known set must sync, where the
// same sets without waves, or with a wave for each kind, hang, fail, or "succeed" with nothing running. The table of
// all of them is a golden file.
func TestKnownSetsSyncAtTheFirstAttempt(t *testing.T) {
	var table strings.Builder
	saved := 0
	for _, set := range knownSets(t) {
		fmt.Fprintf(&table, "%s\n", set.name)
		for _, mode := range []wave.Mode{wave.Tiers, wave.Minimal} {
			plan, objects := planned(t, mode, set.objects)
			result, cluster := sync(t, objects, onlyNamedGates(plan))
			if result.Outcome != simcluster.Synced {
				t.Errorf("%s, mode %s: %s\n%s", set.name, mode, result, describe(plan))
			}
			for _, violation := range cluster.Violations() {
				t.Errorf("%s, mode %s: %s\n%s", set.name, mode, violation, describe(plan))
			}
			row(&table, "tidegate, "+string(mode), result, cluster)
			for _, gate := range addressGates(plan) {
				fmt.Fprintf(&table, "  %-22s waits for the address of %s, as the plan says\n", "", gate)
			}
		}
		for _, other := range []struct {
			name    string
			objects []*unstructured.Unstructured
		}{{"without waves", targets(set.objects)}, {"a wave for each kind", numberedByKind(set.objects)}} {
			result, cluster := sync(t, other.objects, noAddresses)
			if result.Outcome != simcluster.Synced {
				saved++
			}
			row(&table, other.name, result, cluster)
		}
	}
	t.Log("\n" + table.String())
	if saved < 8 {
		t.Errorf("only %d of the other orders hang or fail: these sets would not notice a planner that does nothing", saved)
	}
	golden(t, "testdata/first-attempt.txt", table.String())
}

// row is a line of the table: the outcome, and what Argo CD did not wait for.
func row(table *strings.Builder, order string, result simcluster.Result, cluster *simcluster.Cluster) {
	text := result.String()
	if unwell := len(cluster.Unhealthy()); result.Outcome == simcluster.Synced && unwell > 0 {
		text += fmt.Sprintf(" while %d not healthy yet", unwell)
	}
	fmt.Fprintf(table, "  %-22s %s\n", order, text)
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got; rewrite with -update):\n%s", file, diff)
	}
}
