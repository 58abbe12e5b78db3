package supersede

import (
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/params"
)

// settling is for how long after the end of an operation nothing is concluded from what is seen: a comparison that was
// under way says what it was like before, and auto-sync has its turn.
const settling = 3 * time.Second

// overlooked decides about an operation of auto-sync that has ended by itself, for better or worse. A newer revision that
// Argo CD saw meanwhile is not new to it any more: manifest-generate-paths tells it that nothing changed between two equal
// revisions, and alreadyAttemptedSync (controller/appcontroller.go) then looks at the source only and takes the last sync
// for one to the newer revision. If it failed, auto-sync gives the newer one up; if it succeeded, auto-sync leaves it
// OutOfSync, or with selfHeal syncs the resources that differ, at once and without hooks: there is no coming before that. The
// same revision is never synced twice: once it is the last operation's, there is none newer.
func (p Policy) overlooked(app *v1alpha1.Application, now time.Time, memory Memory, facts *Facts) Verdict {
	state := app.Status.OperationState
	if reason := p.seesItself(app); reason != "" {
		return leave(reason)
	}
	since := now.Sub(state.FinishedAt.Time)
	if rest := settling - since; rest > 0 {
		return wait(rest, "its operation has only just ended")
	}
	if reason := unstartable(app); reason != "" {
		return leave(reason)
	}
	to := app.Status.Sync.Revision
	if !comparedSince(app) {
		return stale(since, memory, state, to)
	}
	switch {
	case facts == nil:
		return Verdict{Action: Ask, Reason: "may the newer revision's operation start?"}
	case facts.Window != "":
		return wait(recheck, "%s", facts.Window)
	case !facts.Changed:
		return leave("no newer revision changes its files")
	case facts.Doubt != "":
		return wait(recheck, "the repository is in doubt: %s", facts.Doubt)
	case facts.Older:
		return leave(to + " does not follow the operation's revision")
	}
	// To a revision that Argo CD has yet to see, auto-sync syncs by itself.
	if facts.unseen(to) && (facts.Restored || memory.asked.revision != facts.Newest || now.Sub(memory.asked.at) < patience) {
		return behind(now, memory, facts)
	}
	return Verdict{Action: Start, Reason: "it came during an operation, and auto-sync does not take it for new", To: to}
}

// seesItself says why a newer revision is nothing that auto-sync would overlook, or not ours to start; empty if it is.
func (p Policy) seesItself(app *v1alpha1.Application) string {
	state, source := app.Status.OperationState, app.Spec.GetSource()
	by := state.Operation.InitiatedBy
	switch {
	case p.Off[app.Labels[params.EnvironmentLabel]]:
		return "superseding is switched off for its environment"
	case !by.Automated || by.Username != "":
		return "its operation is over, and " + startedBy(&state.Operation) + " started it"
	case app.Annotations[v1alpha1.AnnotationKeyManifestGeneratePaths] == "":
		return "without manifest-generate-paths auto-sync compares revisions"
	case state.Operation.Sync == nil || state.SyncResult == nil || state.FinishedAt == nil:
		return "its operation has come to no result, which auto-sync does not take for an attempt"
	case !source.Equals(&state.SyncResult.Source):
		return "auto-sync sees that its source is another than the operation's"
	}
	return ""
}

// stale has Argo CD look at an Application once after its operation has ended, if it does not by itself: what its status
// says of the newer revision may be what was yet to be applied. The request stays until it is met.
func stale(since time.Duration, memory Memory, state *v1alpha1.OperationState, to string) Verdict {
	if rest := patience - since; rest > 0 {
		return wait(rest, "Argo CD has not compared since its operation has ended")
	}
	if memory.asked.at.Before(state.FinishedAt.Add(patience)) {
		return Verdict{Action: Refresh, Reason: "Argo CD has not compared since its operation has ended", To: to}
	}
	return leave("Argo CD was asked to compare")
}

// comparedSince tells whether Argo CD has compared since the operation ended; both times are in seconds.
func comparedSince(app *v1alpha1.Application) bool {
	return app.Status.ReconciledAt != nil && !app.Status.ReconciledAt.Before(app.Status.OperationState.FinishedAt)
}

// settled tells whether an operation has ended and left nothing newer behind: whatever comes later is new to auto-sync, and
// what differs later with the same revision is drift, which only selfHeal may repair.
func settled(app *v1alpha1.Application, now time.Time) bool {
	state := app.Status.OperationState
	if !state.Phase.Completed() || state.FinishedAt == nil || !comparedSince(app) {
		return false
	}
	return now.Sub(state.FinishedAt.Time) >= settling &&
		(app.Status.Sync.Status == v1alpha1.SyncStatusCodeSynced || app.Status.Sync.Revision == revision(state))
}
