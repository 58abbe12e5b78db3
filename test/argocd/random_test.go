package argocd

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/argocd/simcluster"
)

var (
	seeds = flag.Uint64("seeds", defaultSeeds, "how many random sets to sync")
	seed  = flag.Uint64("seed", 0, "sync only this random set")
)

// A user loses a rollout, for ever or until somebody looks: whatever Tidegate orders must never end in a gate that
// waits for something of a later wave, nor fail on what a later wave would have mended. Random sets, each of which
// some order can bring up, go through Argo CD's real sync, in a cluster that gives addresses only to gates the plan names.
func TestNoRandomSetEndsInAGateThatWaitsForALaterWave(t *testing.T) {
	failed := 0
	for at := uint64(1); at <= *seeds; at++ {
		if *seed != 0 && at != *seed {
			continue
		}
		set := randomSet(at)
		settled := mustSettle(t, at, set)
		for _, mode := range []wave.Mode{wave.Tiers, wave.Minimal} {
			plan, objects := planned(t, mode, set)
			env := onlyNamedGates(plan)
			env.Pace = at
			result, cluster := sync(t, objects, env)
			problems := cluster.Violations()
			if result.Outcome != simcluster.Synced {
				problems = append(problems, result.String())
			} else {
				cluster.Run()
				problems = append(problems, unexplained(cluster.Unhealthy(), settled)...)
			}
			if len(problems) > 0 {
				failed++
				t.Errorf("seed %d, mode %s: %s\n%s\n%s", at, mode, strings.Join(problems, "\n"), describe(plan), yamlOf(t, set))
			}
		}
		if failed >= 5 {
			t.Fatal("stopping after five; run one with -seed N")
		}
	}
}

// mustSettle shows that the set is one that some order brings up, and returns what stays unwell in any order: claims
// that nobody uses.
func mustSettle(t *testing.T, seed uint64, set []manifest.Object) []string {
	t.Helper()
	objects := targets(set)
	settled := simcluster.New(destination, objects, everybodyAnswers).Settle(objects)
	for _, unwell := range settled {
		if !strings.HasPrefix(unwell, "PersistentVolumeClaim ") {
			t.Fatalf("seed %d: the generator made a set that no order brings up: %s\n%s", seed, unwell, yamlOf(t, set))
		}
	}
	return settled
}

// unexplained leaves out what is no better in any order, and what waits for an address.
func unexplained(unwell, settled []string) []string {
	return slices.DeleteFunc(unwell, func(what string) bool {
		return slices.Contains(settled, what) || strings.HasPrefix(what, "Ingress ") || strings.HasPrefix(what, "Service ")
	})
}

// The random sets would notice a planner that does nothing useful: without waves some fail, with a wave for each kind
// most hang.
func TestRandomSetsNeedAnOrder(t *testing.T) {
	failed, stuck := 0, 0
	for at := uint64(1); at <= defaultSeeds; at++ {
		set := randomSet(at)
		if result, _ := sync(t, targets(set), everybodyAnswers); result.Outcome == simcluster.Failed {
			failed++
		}
		if result, _ := sync(t, numberedByKind(set), everybodyAnswers); result.Outcome != simcluster.Synced {
			stuck++
		}
	}
	t.Logf("of %d random sets %d fail without waves, %d hang or fail with a wave for each kind", defaultSeeds, failed, stuck)
	if failed == 0 || stuck < defaultSeeds*3/10 {
		t.Errorf("of %d random sets only %d fail without waves and %d hang or fail with a wave for each kind", defaultSeeds, failed, stuck)
	}
}
