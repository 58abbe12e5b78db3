package wave

import (
	"time"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// Mode says how much of the order is written down.
type Mode string

const (
	// Tiers gives every kind its fixed wave and raises what edges raise. The default.
	Tiers Mode = "tiers"
	// Minimal leaves everything at wave 0 but what an edge forces into a later wave.
	Minimal Mode = "minimal"
	// Off changes nothing.
	Off Mode = "off"
)

// DefaultDelay is how long Argo CD waits between two waves (gitops-engine, ARGOCD_SYNC_WAVE_DELAY).
const DefaultDelay = 2 * time.Second

// Plan is the order of one set of objects, and the reasons for it. It is what `tidegate plan -o json` prints.
type Plan struct {
	Mode Mode `json:"mode"`
	// Namespace is the destination's: that of namespaced objects that name none.
	Namespace string `json:"namespace,omitempty"`
	// Waves are ascending and not empty; their resources are in the order in which Argo CD applies them.
	Waves []Wave `json:"waves"`
	// Hooks are Argo CD's and Helm's hooks, which run in phases of their own and are left alone.
	Hooks []Resource `json:"hooks,omitempty"`
	// Edges are all references found between the objects, in a fixed order.
	Edges []Edge `json:"edges"`
	// Findings are the deadlocks, contradictions and doubts, the gravest first.
	Findings []Finding `json:"findings,omitempty"`
	// Cost is the least time that waiting between waves takes: (number of waves - 1) x delay.
	Cost Duration `json:"cost"`
	// Delay is the pause between two waves that Cost was computed with.
	Delay Duration `json:"delay"`
}

// Wave is one sync wave.
type Wave struct {
	Number int `json:"wave"`
	// Gated says whether Argo CD waits for this wave's health before the next; for the last one only because of a hook.
	Gated     bool       `json:"gated"`
	Resources []Resource `json:"resources"`
}

// Resource is one object in its place.
type Resource struct {
	// ID has the effective namespace: the destination's for a namespaced object without one.
	ID         manifest.ID `json:"id"`
	APIVersion string      `json:"apiVersion"`
	// Index is the object's place in the input.
	Index int `json:"index"`
	Wave  int `json:"wave"`
	// Tier is the name of the tier the kind belongs to.
	Tier string `json:"tier"`
	// Hook is the phase of a hook: PreSync, Sync, PostSync, SyncFail, PostDelete; empty for an ordinary resource.
	Hook string `json:"hook,omitempty"`
	// Pinned says that the object carries a wave of its own, which stays as it is.
	Pinned bool   `json:"pinned,omitempty"`
	Reason Reason `json:"reason"`
	// Gate says what this resource can hold up; nil where Argo CD will not wait for it.
	Gate *Gate `json:"gate,omitempty"`
}

// ReasonKind is what decided a resource's wave.
type ReasonKind string

// What can decide a wave.
const (
	ByTier ReasonKind = "tier" // the kind's tier, nothing raised it
	ByEdge ReasonKind = "edge" // a reference raised it
	ByRule ReasonKind = "rule" // a numbered rule of the planner
	ByPin  ReasonKind = "pin"  // the object's own annotation
	ByHook ReasonKind = "hook" // a hook, ordered by its phase
	ByMode ReasonKind = "mode" // minimal: nothing forces it anywhere
)

// Reason says why a resource is in its wave.
type Reason struct {
	Kind ReasonKind `json:"kind"`
	// Rule is the name of the rule, with ByRule: claim-with-consumer, unused-claim, claim-before-consumer,
	// unneeded-load-balancer, unconsumed-certificate, certificate-with-solver, needed-leaf, with-needed-leaf, collapsed-cycle,
	// last-wave.
	Rule string `json:"rule,omitempty"`
	// Edge is the reference that raised the resource, with ByEdge.
	Edge *Edge `json:"edge,omitempty"`
	// Text is the reason in one short line for people, without the resource's own name.
	Text string `json:"text"`
}

// Strength says how much of the earlier thing the later one needs.
type Strength = refer.Strength

const (
	// Applied needs the earlier thing to exist. The same wave will do where Argo CD's kind order applies it first.
	Applied = refer.Applied
	// Healthy needs the earlier thing to have done its work: only a later wave will do.
	Healthy = refer.Healthy
)

// Edge says that From needs To first, and which field says so.
type Edge struct {
	From manifest.ID `json:"from"`
	To   manifest.ID `json:"to"`
	// Field is the path in From (or in what the edge was derived from) that made the edge: spec.template.spec.containers[0].envFrom[1].secretRef.
	Field    string   `json:"field"`
	Strength Strength `json:"strength"`
	// Declared says that people wrote this order down (depends-on), rather than a field that has another purpose.
	Declared bool `json:"declared,omitempty"`
}

// Gate says what waits for a resource, and for how long at the most.
type Gate struct {
	// Holds counts the resources in later waves.
	Holds int `json:"holds"`
	// Until says what Argo CD waits for: "rolled out", "synced by the External Secrets Operator", ...
	Until string `json:"until"`
	// Limit says what ends the wait when it does not come true: "progressDeadlineSeconds (600 s)", or "" for never.
	Limit string `json:"limit,omitempty"`
}

// Severity orders findings.
type Severity string

const (
	// Deadlock is a sync that cannot end: something gates a wave and becomes healthy only because of a later one.
	Deadlock Severity = "deadlock"
	// Warning is an order that may fail or surprise.
	Warning Severity = "warning"
)

// Finding is one thing to know about the order.
type Finding struct {
	Severity Severity `json:"severity"`
	// Rule is the finding's name. Deadlocks: hook-needs-sync, gate-before-need, claim-before-consumer, pin-after-leaf.
	// Warnings: pin-against-edge, declared-against-reference, collapsed-cycle, leaf-gates, with-needed-leaf, certificate-with-solver,
	// claim-without-consumer, hook-gates-leaves, prune-waits-for-leaf, job-may-fail, job-suspended, job-vanishes, paused-gate,
	// pausing-gate, wave-not-a-number, annotation-not-a-string, unknown-hook, depends-on-missing; hook-needs-sync is one,
	// too, where Argo CD does not wait for the hook.
	Rule string `json:"rule"`
	// Resources are those concerned, the one to change first.
	Resources []manifest.ID `json:"resources"`
	// Message says what is wrong and the way out, in one line.
	Message string `json:"message"`
}

// Duration is a time.Duration that JSON writes as Go does: "8s".
type Duration time.Duration

// MarshalText writes the duration as "8s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}
