package supersede

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
)

// Memory is what is remembered of one operation: what the Application itself does not tell.
type Memory struct {
	// Since is when the operation last looked as it never had before.
	Since time.Time
	// Released: this operation was told to end.
	Released bool

	id     string
	seen   map[uint64]struct{}
	asked  refresh
	report string
	kept   bool
}

// refresh is when Argo CD was asked to compare with a revision.
type refresh struct {
	revision string
	at       time.Time
}

// maxStates is how many states of one operation are told apart. One that is new each time, such as a message with a
// counter in it, is no progress for ever.
const maxStates = 1000

// Observe updates the memory with an Application whose operation is under way.
//
// Argo CD records no time at which an operation last progressed. What can be seen of progress is the operation's message
// and attempt, its result rows, and the health of what it has applied and waits for: while a Deployment rolls out, neither
// message nor rows change (gitops-engine sets a row again only when its resource is Healthy or Degraded), but "2 out of 4
// new replicas have been updated" does. Other resources do not count, and neither does a state that was seen before: a
// container that crashes and restarts does not progress.
func (m *Memory) Observe(app *v1alpha1.Application, now time.Time) {
	if id := id(app); m.id != id {
		*m = Memory{id: id, seen: map[uint64]struct{}{}}
	}
	look := fingerprint(app)
	if _, known := m.seen[look]; !known && len(m.seen) < maxStates {
		m.seen[look] = struct{}{}
		m.Since = now
	}
}

func fingerprint(app *v1alpha1.Application) uint64 {
	hash := fnv.New64a()
	state := app.Status.OperationState
	fmt.Fprintf(hash, "%q %d\n", state.Message, state.RetryCount)
	if state.SyncResult == nil {
		return hash.Sum64()
	}
	waiting := map[string]bool{}
	for _, row := range state.SyncResult.Resources {
		if row == nil {
			continue
		}
		fmt.Fprintf(hash, "%q %q %q %q %q %q %q %q\n",
			row.Group, row.Kind, row.Namespace, row.Name, row.SyncPhase, row.Status, row.HookPhase, row.Message)
		if row.HookPhase == common.OperationRunning {
			waiting[resource(row.Group, row.Kind, row.Namespace, row.Name)] = true
		}
	}
	for i := range app.Status.Resources {
		live := &app.Status.Resources[i]
		if live.Health != nil && waiting[resource(live.Group, live.Kind, live.Namespace, live.Name)] {
			fmt.Fprintf(hash, "%q %q %q\n", live.Name, live.Health.Status, live.Health.Message)
		}
	}
	return hash.Sum64()
}

func resource(group, kind, namespace, name string) string {
	return group + "/" + kind + "/" + namespace + "/" + name
}
