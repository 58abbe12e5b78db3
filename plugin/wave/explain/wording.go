package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// count writes "1 wave", "2 waves".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// shortName is namespace/name, or the name alone in the destination's namespace and outside of all.
func shortName(id manifest.ID, destination string) string {
	if id.Namespace == "" || id.Namespace == destination {
		return visible(id.Name)
	}
	return visible(id.Namespace + "/" + id.Name)
}

// shortID is Kind.group and shortName.
func shortID(id manifest.ID, destination string) string {
	return visible(id.GroupKind()) + " " + shortName(id, destination)
}

// podTemplates are the ways to a pod's spec; what follows them is what people know a field by.
var podTemplates = []string{"spec.jobTemplate.spec.template.spec.", "spec.template.spec."}

// shortField leaves out the way to a pod's spec, and of what is still longer than 48 columns all but its end.
func shortField(field string) string {
	field = visible(field)
	for _, prefix := range podTemplates {
		if rest, found := strings.CutPrefix(field, prefix); found {
			field = "…" + rest
			break
		}
	}
	const limit = 48
	if columns(field) <= limit {
		return field
	}
	tail := []rune(field)
	used, keep := 1, len(tail)
	for used+runeColumns(tail[keep-1]) <= limit {
		keep--
		used += runeColumns(tail[keep])
	}
	return "…" + string(tail[keep:])
}

// reasonText is the reason with the field behind it, which is added only where the planner's own text lacks it.
func reasonText(reason wave.Reason) string {
	text := visible(reason.Text)
	if reason.Edge == nil || reason.Edge.Field == "" {
		return text
	}
	field, short := visible(reason.Edge.Field), shortField(reason.Edge.Field)
	if strings.Contains(text, field) {
		return strings.ReplaceAll(text, field, short)
	}
	if strings.Contains(text, short) {
		return text
	}
	return strings.TrimSpace(text + " (" + short + ")")
}

// maxNeeds is how many of the things that a resource needs are named; one more then counts the rest.
const maxNeeds = 4

// needs lists what each resource refers to, in the order of the plan's edges, each once.
func needs(plan *wave.Plan) map[manifest.ID][]manifest.ID {
	needs := make(map[manifest.ID][]manifest.ID)
	for _, e := range plan.Edges {
		if e.From != e.To && !slices.Contains(needs[e.From], e.To) {
			needs[e.From] = append(needs[e.From], e.To)
		}
	}
	return needs
}

// needsText names what a resource needs first.
func needsText(ids []manifest.ID, destination string) string {
	if len(ids) == 0 {
		return ""
	}
	var names []string
	for _, id := range ids[:min(len(ids), maxNeeds)] {
		names = append(names, visible(id.Kind)+" "+shortName(id, destination))
	}
	if more := len(ids) - maxNeeds; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return "needs: " + strings.Join(names, ", ")
}

// gateText says what Argo CD waits for, what that can hold up, and what ends it.
func gateText(gate *wave.Gate) string {
	until := visible(gate.Until)
	if until == "" {
		until = "healthy"
	}
	return fmt.Sprintf("waits for: %s; holds up %s; %s", until, count(gate.Holds, "resource"), limitText(gate))
}

func limitText(gate *wave.Gate) string {
	if gate.Limit == "" {
		return "without end"
	}
	return "at most " + visible(gate.Limit)
}

// costText says what the order costs and how that is computed.
func costText(plan *wave.Plan) string {
	if len(plan.Waves) < 2 {
		return "The order costs nothing: one wave waits for no other."
	}
	return fmt.Sprintf("The order costs at least %s: (%d waves - 1) x %s of delay between waves.",
		time.Duration(plan.Cost), len(plan.Waves), time.Duration(plan.Delay))
}

// tierNames are the tiers of the resources, each once, in order.
func tierNames(resources []wave.Resource) string {
	var names []string
	for _, r := range resources {
		if name := visible(r.Tier); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func resourceCount(plan *wave.Plan) int {
	n := 0
	for _, w := range plan.Waves {
		n += len(w.Resources)
	}
	return n
}

// phase is the hooks of one phase.
type phase struct {
	name  string
	when  string
	hooks []wave.Resource
}

// phaseOrder is when Argo CD runs the phases (gitops-engine pkg/sync/common, argo-cd controller/hook.go).
var phaseOrder = []phase{
	{name: "PreSync", when: "before the first wave"},
	{name: "Sync", when: "among the waves"},
	{name: "PostSync", when: "after everything is healthy"},
	{name: "SyncFail", when: "if the sync fails"},
	{name: "PreDelete", when: "before the Application is deleted"},
	{name: "PostDelete", when: "after the Application is deleted"},
	{name: otherPhase, when: "in a phase of another name"},
}

const otherPhase = "Other"

// hookPhases groups hooks by phase in the order in which the phases run; inside a phase by wave.
func hookPhases(hooks []wave.Resource) []phase {
	phases := slices.Clone(phaseOrder)
	for _, hook := range hooks {
		at := slices.IndexFunc(phases, func(p phase) bool { return p.name == hook.Hook })
		if at < 0 {
			at = len(phases) - 1
		}
		phases[at].hooks = append(phases[at].hooks, hook)
	}
	phases = slices.DeleteFunc(phases, func(p phase) bool { return len(p.hooks) == 0 })
	for _, p := range phases {
		slices.SortStableFunc(p.hooks, func(a, b wave.Resource) int { return a.Wave - b.Wave })
	}
	return phases
}

// gravestFirst orders findings with deadlocks before warnings, otherwise as the planner did.
func gravestFirst(findings []wave.Finding) []wave.Finding {
	sorted := slices.Clone(findings)
	rank := func(f wave.Finding) int {
		if f.Severity == wave.Deadlock {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(sorted, func(a, b wave.Finding) int { return rank(a) - rank(b) })
	return sorted
}

// findingsCount is "1 deadlock, 2 warnings", or "" for none.
func findingsCount(findings []wave.Finding) string {
	deadlocks := 0
	for _, f := range findings {
		if f.Severity == wave.Deadlock {
			deadlocks++
		}
	}
	var parts []string
	if deadlocks > 0 {
		parts = append(parts, count(deadlocks, "deadlock"))
	}
	if others := len(findings) - deadlocks; others > 0 {
		parts = append(parts, count(others, "warning"))
	}
	return strings.Join(parts, ", ")
}
