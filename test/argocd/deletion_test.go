package argocd

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/controller"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/argocd/simcluster"
)

// A user loses the namespace to objects that nobody can delete any more: a controller must outlive its custom
// resources, and a claim its pods. Deleting the Application (Argo CD's own order of waves), and pruning everything in
// one sync, both end with nothing left.
func TestDeletionRunsTheWavesBackwards(t *testing.T) {
	sets := knownSets(t)
	for at := uint64(1); at <= defaultSeeds*2/5; at++ {
		sets = append(sets, namedSet{"random", randomSet(at)})
	}
	for _, set := range sets {
		plan, objects := planned(t, wave.Tiers, set.objects)
		if left := deleteApplication(t, up(t, objects)); len(left) > 0 {
			t.Errorf("%s: deleting the Application leaves\n%s\n%s", set.name, strings.Join(left, "\n"), describe(plan))
		}
		cluster := up(t, objects)
		result, err := cluster.Sync(nil)
		if err != nil {
			t.Fatal(err)
		}
		if result.Outcome != simcluster.Synced {
			t.Errorf("%s: pruning everything: %s\n%s\n%s", set.name, result, strings.Join(cluster.Remaining(), "\n"), describe(plan))
		}
	}
}

// The simulated cluster tells a good order of deletion from none: without waves controllers go first, and hold
// everything up for ever.
func TestDeletionWithoutWavesLeavesThingsBehind(t *testing.T) {
	stuck := 0
	for _, set := range knownSets(t) {
		objects := targets(set.objects)
		cluster := simcluster.New(destination, objects, everybodyAnswers)
		cluster.Settle(objects)
		if left := deleteApplication(t, cluster); len(left) > 0 {
			stuck++
		}
	}
	if stuck < 3 {
		t.Errorf("only %d of the known sets cannot be deleted without waves", stuck)
	}
}

// up is a cluster in which everything has been applied and runs.
func up(t *testing.T, objects []*unstructured.Unstructured) *simcluster.Cluster {
	t.Helper()
	cluster := simcluster.New(destination, objects, everybodyAnswers)
	cluster.Settle(objects)
	return cluster
}

// deleteApplication does what Argo CD's controller does when an Application with its finalizer is deleted, with its own
// choice of what goes next, and returns what is left when nothing moves any more.
func deleteApplication(t *testing.T, cluster *simcluster.Cluster) []string {
	t.Helper()
	for {
		var pending bool
		var objects []*unstructured.Unstructured
		for _, object := range cluster.Live() {
			pending = pending || object.GetDeletionTimestamp() != nil
			objects = append(objects, object)
		}
		if len(objects) == 0 {
			return nil
		}
		if !pending {
			for _, object := range controller.FilterObjectsForDeletion(objects) {
				if err := cluster.Delete(cluster.Key(object)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !cluster.Moves() {
			return cluster.Remaining()
		}
	}
}
