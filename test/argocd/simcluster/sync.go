package simcluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Outcome is how a sync operation ended.
type Outcome string

const (
	// Synced is success at the first attempt.
	Synced Outcome = "synced"
	// Failed is an operation that Argo CD gave up.
	Failed Outcome = "failed"
	// Stuck is an operation that runs and will for ever: nothing in the cluster changes any more.
	Stuck Outcome = "stuck"
)

// Result is what became of one sync operation.
type Result struct {
	Outcome Outcome
	// Ticks is how often the controllers looked at the cluster until then.
	Ticks int
	// Message is Argo CD's own, as its user sees it.
	Message string
	// Waiting names what the operation waits for, or what failed, with the health of it.
	Waiting []string
}

// String is one line for a table.
func (r Result) String() string {
	if r.Outcome == Synced {
		return string(r.Outcome)
	}
	if len(r.Waiting) == 0 {
		return string(r.Outcome) + ": " + r.Message
	}
	const shown = 2
	if more := len(r.Waiting) - shown; more > 0 {
		return fmt.Sprintf("%s: %s; and %d more", r.Outcome, strings.Join(r.Waiting[:shown], "; "), more)
	}
	return string(r.Outcome) + ": " + strings.Join(r.Waiting, "; ")
}

// HealthOverride is Argo CD's own health customizations.
var HealthOverride = lua.ResourceHealthOverrides{}

// Sync runs one operation of Argo CD to its end, the way its controller does: a fresh context on the fresh state of the
// cluster for every step, with the results so far.
func (c *Cluster) Sync(targets []*unstructured.Unstructured, opts ...sync.SyncOpt) (Result, error) {
	phase, message := common.OperationRunning, ""
	var results []common.ResourceSyncResult
	started := metav1.Unix(0, 0)
	for tick := 0; ; tick++ {
		before := c.moves
		var fresh []*unstructured.Unstructured
		for _, target := range targets {
			fresh = append(fresh, target.DeepCopy())
		}
		all := append([]sync.SyncOpt{
			sync.WithLogr(logr.Discard()),
			sync.WithHealthOverride(HealthOverride),
			sync.WithOperationSettings(false, true, false, false),
			sync.WithInitialState(phase, message, results, started),
		}, opts...)
		ctx, cleanup, err := sync.NewSyncContext("0123456789", sync.Reconcile(fresh, c.own(), c.namespace, c),
			c.restConfig(), c.restConfig(), &kubectl{cluster: c}, c.namespace, nil, all...)
		if err != nil {
			return Result{}, err
		}
		ctx.Sync()
		phase, message, results = ctx.GetState()
		cleanup()
		switch {
		case phase == common.OperationSucceeded:
			return Result{Outcome: Synced, Ticks: tick, Message: message}, nil
		case phase.Completed():
			return Result{Outcome: Failed, Ticks: tick, Message: message, Waiting: c.blame(results, common.OperationFailed, common.OperationError)}, nil
		}
		c.Tick()
		if c.moves == before {
			return Result{Outcome: Stuck, Ticks: tick, Message: message, Waiting: c.blame(results, common.OperationRunning)}, nil
		}
	}
}

// blame describes the results in these phases that are not healthy.
func (c *Cluster) blame(results []common.ResourceSyncResult, phases ...common.OperationPhase) []string {
	var out []string
	for _, result := range results {
		if !slices.Contains(phases, result.HookPhase) {
			continue
		}
		text := fmt.Sprintf("%s %s", result.ResourceKey.Kind, result.ResourceKey.Name)
		if obj := c.find(result.ResourceKey); obj != nil && result.Status != common.ResultCodeSyncFailed {
			status, err := health.GetResourceHealth(obj, HealthOverride)
			if err != nil || status == nil || status.Status == health.HealthStatusHealthy {
				continue
			}
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s is %s %s", text, status.Status, status.Message)))
			continue
		}
		out = append(out, text+": "+result.Message)
	}
	slices.Sort(out)
	return out
}

// find looks an object up by a key that may carry a namespace though the object has none.
func (c *Cluster) find(key kube.ResourceKey) *unstructured.Unstructured {
	if obj := c.get(key); obj != nil {
		return obj
	}
	key.Namespace = ""
	return c.get(key)
}

// Settle applies everything over and over, with no gate, until nothing changes, and names what is not well then. Only
// webhook configurations come after all others have settled, as no order could bring up what they would block. It
// tells a set that no order brings up from one that was ordered badly.
func (c *Cluster) Settle(targets []*unstructured.Unstructured) []string {
	webhooks, others := split(targets, func(target *unstructured.Unstructured) bool {
		return slices.Contains(webhookKinds, target.GroupVersionKind().GroupKind())
	})
	refused := append(c.applyUntilStill(others), c.applyUntilStill(webhooks)...)
	return append(refused, c.Unhealthy()...)
}

func (c *Cluster) applyUntilStill(targets []*unstructured.Unstructured) []string {
	for {
		before := c.moves
		var refused []string
		for _, target := range targets {
			if c.get(keyOf(c.kinds, c.namespace, target)) != nil {
				continue
			}
			if err := c.Apply(target); err != nil {
				refused = append(refused, fmt.Sprintf("%s %s: %v", target.GetKind(), target.GetName(), err))
			}
		}
		c.Tick()
		if c.moves == before {
			return refused
		}
	}
}

func split[T any](all []T, first func(T) bool) (yes, no []T) {
	for _, one := range all {
		if first(one) {
			yes = append(yes, one)
		} else {
			no = append(no, one)
		}
	}
	return yes, no
}

// Run lets the controllers work until nothing changes any more.
func (c *Cluster) Run() {
	for before := -1; before != c.moves; {
		before = c.moves
		c.Tick()
	}
}

// Unhealthy names everything that Argo CD would not call Healthy.
func (c *Cluster) Unhealthy() []string {
	var out []string
	for key, obj := range c.own() {
		status, err := health.GetResourceHealth(obj, HealthOverride)
		if err == nil && (status == nil || status.Status == health.HealthStatusHealthy) {
			continue
		}
		text := ""
		if status != nil {
			text = fmt.Sprintf("%s %s", status.Status, status.Message)
		}
		out = append(out, fmt.Sprintf("%s %s is %s", key.Kind, key.Name, text))
	}
	slices.Sort(out)
	return out
}
