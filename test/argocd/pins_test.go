package argocd

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
	"github.com/tidegate/tidegate/test/argocd/simcluster"
)

// A user loses the warning before a rollout that hangs: people pin waves as they like, and where Argo CD's sync of such
// a set then hangs or fails, the plan must have said so.
func TestPinsThatHangASyncAreNamed(t *testing.T) {
	hung, unsaid := 0, 0
	for at := uint64(1); at <= *seeds; at++ {
		if *seed != 0 && at != *seed {
			continue
		}
		set := pinned(at, randomSet(at))
		plan, objects := planned(t, wave.Tiers, set)
		result, _ := sync(t, objects, everybodyAnswers)
		if result.Outcome == simcluster.Synced {
			continue
		}
		hung++
		if len(plan.Findings) == 0 {
			t.Errorf("seed %d: nothing said of %s\n%s\n%s", at, result, describe(plan), yamlOf(t, set))
			if unsaid++; unsaid == 5 {
				t.Fatal("stopping after five; run one with -seed N")
			}
		}
	}
	t.Logf("%d sets with pins hang or fail", hung)
	if *seed == 0 && hung == 0 {
		t.Error("no set with pins hangs: they do not show anything")
	}
}

// pinned pins one to three of the objects to waves of their own.
func pinned(seed uint64, set []manifest.Object) []manifest.Object {
	random := rand.New(rand.NewPCG(seed, 3))
	out := copied(set)
	for range 1 + random.IntN(3) {
		number := []int{-50, -25, -10, 0, 5, 50, 150}[random.IntN(7)]
		out[random.IntN(len(out))].SetAnnotation(waveAnnotation, strconv.Itoa(number))
	}
	return out
}

// A user loses the name of a deadlock that they made: each of these hangs or fails in Argo CD's own sync, and the plan
// calls it a deadlock.
func TestNamedDeadlocksAreReal(t *testing.T) {
	const configured = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
`
	const job = `
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: ghcr.io/myorg/migrate:1, envFrom: [{configMapRef: {name: settings}}]}]}
`
	const web = `
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: ghcr.io/myorg/web:1, envFrom: [{configMapRef: {name: settings}}]}], volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}
`
	tests := []struct {
		name, objects string
	}{
		{"a PreSync hook needs a resource of the Sync phase", configured + `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {argocd.argoproj.io/hook: PreSync}}` + job},
		{"a workload is pinned before its configuration", configured + `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: "-25"}}` + web},
		{"a claim is pinned before its consumer", configured + `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, annotations: {argocd.argoproj.io/sync-wave: "-5"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}` + web},
		{"a resource is pinned after an Ingress", configured + `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {defaultBackend: {service: {name: elsewhere, port: {number: 80}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: late, annotations: {argocd.argoproj.io/sync-wave: "200"}}
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			plan, objects := planned(t, wave.Tiers, parse(t, strings.TrimSpace(test.objects)))
			result, _ := sync(t, objects, noAddresses)
			if result.Outcome == simcluster.Synced {
				t.Errorf("Argo CD syncs it")
			}
			for _, finding := range plan.Findings {
				if finding.Severity == wave.Deadlock {
					return
				}
			}
			t.Errorf("no deadlock named, though Argo CD's sync is %s\n%s", result, describe(plan))
		})
	}
}
