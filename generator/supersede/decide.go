// Package supersede releases sync operations that block their own fix.
//
// With several waves Argo CD's operation runs until every wave but the last is healthy, and while it waits for what will
// never become healthy it starts no other, not even for the commit that repairs it. Where that commit is known, this
// package ends the waiting operation as Argo CD's API server does (server/application/application.go, TerminateOperation)
// and starts the newer revision's as auto-sync does (controller/appcontroller.go, autoSync). It starts that too after an
// operation of auto-sync that ended by itself: auto-sync overlooks what came while it was under way.
//
// It never touches what a human started, a hook under way, a partial sync, a rollback, a deletion or a closed sync window,
// and it never ends an operation without a newer revision that changes the Application's files.
package supersede

import (
	"fmt"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"

	"github.com/tidegate/tidegate/generator/params"
)

// DefaultGrace is for how long an operation must have waited without progress.
const DefaultGrace = 30 * time.Second

// patience is for how long a refresh that was asked for is waited for.
const patience = 15 * time.Second

// recheck is when something is looked at again that no event announces: a sync window that opens.
const recheck = time.Minute

// Policy is what operators decide.
type Policy struct {
	// Grace is for how long an operation must have waited without progress. A sync between two attempts has no grace.
	Grace time.Duration
	// Off are the environments in which nothing is touched or reported.
	Off map[string]bool
}

// Action is what is to be done about an Application.
type Action string

const (
	// Leave: nothing, until the Application changes in a way that matters.
	Leave Action = "leave"
	// Wait: nothing yet.
	Wait Action = "wait"
	// Keep: nothing for now, although it outlasts the grace period. There is nothing newer to end it for.
	Keep Action = "keep"
	// Ask: facts are needed.
	Ask Action = "ask"
	// Refresh: Argo CD is to compare with the newest revision, which it has not seen.
	Refresh Action = "refresh"
	// Terminate: the operation is to be ended.
	Terminate Action = "terminate"
	// Start: the newer revision's operation is to be written.
	Start Action = "start"
	// Report: a human is to be told that a newer revision waits.
	Report Action = "report"
)

// Verdict is what is to be done, and why.
type Verdict struct {
	Action Action
	// Reason is for people.
	Reason string
	// After is when to look again, where no event will tell; 0 is never.
	After time.Duration
	// From is the operation's revision, To the newer one, WaitedFor what the operation waits for in Argo CD's words.
	From, To, WaitedFor string
}

// Facts are what an Application does not tell about itself.
type Facts struct {
	// Changed: files of the Application differ between the operation's revision and status.sync.revision.
	Changed bool
	// Newest is the newest revision of what the Application follows; empty if it is not known.
	Newest string
	// Behind: files of the Application differ between status.sync.revision and Newest. Argo CD has yet to see that.
	Behind bool
	// Restored: the newest revision is known, and holds the files of the operation's: what came in between was taken back.
	Restored bool
	// Older: status.sync.revision does not come after the operation's revision. The branch was set back, or rewritten.
	Older bool
	// Doubt says why the repository may not be as it shows itself; empty if it is. What has been ended is started all the same.
	Doubt string
	// Window says why sync windows forbid a sync; empty if they do not.
	Window string
}

// unseen tells whether there is something newer than the revision that Argo CD has compared with.
func (f *Facts) unseen(compared string) bool {
	return f.Newest != "" && f.Newest != compared && f.Behind
}

// Decide says what is to be done about an Application. Without facts it answers Ask where it needs them; where it does not,
// they make no difference. It is pure.
func (p Policy) Decide(app *v1alpha1.Application, now time.Time, memory Memory, facts *Facts) Verdict {
	state := app.Status.OperationState
	switch {
	case state == nil:
		return leave("no operation has run")
	case !owned(app):
		return leave("no ApplicationSet makes it")
	case app.DeletionTimestamp != nil:
		return leave("it is being deleted")
	case app.Spec.HasMultipleSources():
		return leave("it has several sources")
	}
	var verdict Verdict
	switch state.Phase {
	case common.OperationRunning:
		verdict = p.running(app, now, memory, facts)
	case common.OperationTerminating:
		verdict = leave("its operation is being terminated")
	default:
		verdict = p.ended(app, now, memory, facts)
	}
	verdict.From = revision(state)
	return verdict
}

// running decides about an operation under way.
func (p Policy) running(app *v1alpha1.Application, now time.Time, memory Memory, facts *Facts) Verdict {
	state := app.Status.OperationState
	if p.Off[app.Labels[params.EnvironmentLabel]] {
		return leave("superseding is switched off for its environment")
	}
	if reason := exempt(app); reason != "" {
		return leave(reason)
	}
	if hook := runningHook(state); hook != "" {
		return leave("hook " + hook + " is running")
	}
	// A failure at the same moment overwrites Terminating with a retry. What was released stays so, whatever it does next.
	released := memory.Released || marked(app)
	waitedFor := waitingFor(state)
	if !released {
		if waitedFor == "" {
			return leave("its operation is at work")
		}
		if rest := p.Grace - now.Sub(memory.Since); rest > 0 && !betweenAttempts(state) {
			return wait(rest, "its operation waits for %s; it has until the grace period is over", waitedFor)
		}
	}
	verdict := newer(app, now, memory, facts)
	switch {
	case !follows(app):
		verdict = manual(app, verdict)
	case verdict.Action == Terminate && facts.Window != "":
		// SyncAppState returns before it looks at the phase when a sync window is closed: a terminated operation would
		// stay Terminating until it opens (controller/sync.go, syncWindowPreventsSync).
		verdict = wait(recheck, "%s; a terminated operation would hang", facts.Window)
	}
	verdict.WaitedFor = waitedFor
	return verdict
}

// exempt says why an operation is never released nor reported; empty if it may be.
func exempt(app *v1alpha1.Application) string {
	sync := app.Status.OperationState.Operation.Sync
	switch {
	case app.Operation == nil:
		return "its operation is no longer asked for"
	case sync == nil:
		return "its operation is no sync"
	case len(sync.Resources) > 0:
		return "its operation syncs some resources only"
	case len(sync.Sources) > 0, sync.Source != nil && !ownSource(app):
		return "its operation is a rollback"
	case sync.DryRun || len(sync.Manifests) > 0:
		return "its operation applies nothing from Git"
	case revision(app.Status.OperationState) == "":
		return "its operation's revision is not resolved"
	}
	return ""
}

// ownSource tells whether an operation with a source is auto-sync's: Argo CD 3 writes down the Application's own. Whoever rolls
// back gives the source of an earlier sync.
func ownSource(app *v1alpha1.Application) bool {
	operation, source := &app.Status.OperationState.Operation, app.Spec.GetSource()
	return operation.InitiatedBy.Automated && source.Equals(operation.Sync.Source)
}

// follows tells whether auto-sync, or a RollingSync, has started the operation and would start the next.
func follows(app *v1alpha1.Application) bool {
	by := app.Status.OperationState.Operation.InitiatedBy
	return by.Automated && (by.Username == rollingSync || automated(app))
}

func automated(app *v1alpha1.Application) bool {
	return app.Spec.SyncPolicy != nil && app.Spec.SyncPolicy.Automated != nil
}

// newer decides whether there is a newer revision to release an operation for.
func newer(app *v1alpha1.Application, now time.Time, memory Memory, facts *Facts) Verdict {
	from, to := revision(app.Status.OperationState), app.Status.Sync.Revision
	switch {
	case to == "":
		return leave("no revision is known that Argo CD follows")
	case facts == nil:
		return Verdict{Action: Ask, Reason: "is there a newer revision?"}
	case !compared(app):
		return leave("Argo CD has not compared its source yet")
	case facts.Doubt != "":
		return wait(recheck, "the repository is in doubt: %s", facts.Doubt)
	case facts.Restored:
		return keep("the newest revision, %s, changes none of its files", facts.Newest)
	case facts.Older:
		return keep("%s does not follow the operation's revision", to)
	case from != to && facts.Changed && app.Status.Sync.Status == v1alpha1.SyncStatusCodeOutOfSync:
		return Verdict{Action: Terminate, Reason: "a newer revision changes what it applies", To: to}
	case facts.unseen(to):
		return behind(now, memory, facts)
	case from != to && facts.Changed:
		return leave(fmt.Sprintf("it is %s with %s: there is nothing to release it for", app.Status.Sync.Status, to))
	}
	return keep("no newer revision changes its files")
}

// behind has Argo CD look at the newest revision, once in a while: its own poll comes every three minutes.
func behind(now time.Time, memory Memory, facts *Facts) Verdict {
	if memory.asked.revision == facts.Newest {
		if rest := patience - now.Sub(memory.asked.at); rest > 0 {
			return wait(rest, "Argo CD was asked to compare with %s", facts.Newest)
		}
	}
	return Verdict{Action: Refresh, Reason: "Argo CD has not seen the newest revision", To: facts.Newest}
}

// manual turns what would be done into what a human is told.
func manual(app *v1alpha1.Application, verdict Verdict) Verdict {
	if verdict.Action != Terminate && verdict.Action != Refresh {
		return verdict
	}
	reason := startedBy(&app.Status.OperationState.Operation) + " started it"
	if app.Status.OperationState.Operation.InitiatedBy.Automated {
		reason = "auto-sync has been switched off since"
	}
	return Verdict{Action: Report, Reason: reason, To: verdict.To}
}

// ended decides about an operation that is over.
func (p Policy) ended(app *v1alpha1.Application, now time.Time, memory Memory, facts *Facts) Verdict {
	if marked(app) {
		return released(app, now, memory, facts)
	}
	return p.overlooked(app, now, memory, facts)
}

// released decides about an operation that was released and is over. The newer revision's is still to be started, because
// auto-sync will not: once Argo CD has compared with the newer revision, manifest-generate-paths tells it that nothing
// changed between two equal revisions, so alreadyAttemptedSync (controller/appcontroller.go) takes the terminated sync to
// the old one for a failed attempt at the new one. That the operation ended otherwise, because it failed or succeeded at
// the last moment, makes no difference to that. Where the newer revision was taken back meanwhile, what was ended is started
// again, at whatever revision Argo CD follows now: auto-sync takes it for a failed attempt, too. It has nothing left to do
// only if it has succeeded after all.
func released(app *v1alpha1.Application, now time.Time, memory Memory, facts *Facts) Verdict {
	if reason := unstartable(app); reason != "" {
		return leave(reason)
	}
	switch {
	case facts == nil:
		return Verdict{Action: Ask, Reason: "may the newer revision's operation start?"}
	case facts.Window != "":
		return wait(recheck, "%s", facts.Window)
	case !facts.Changed && app.Status.OperationState.Phase == common.OperationSucceeded:
		return leave("it has succeeded, and no newer revision changes its files")
	}
	state := app.Status.OperationState
	recent := state.FinishedAt != nil && now.Sub(state.FinishedAt.Time) < patience
	if facts.unseen(app.Status.Sync.Revision) && (recent || facts.Restored) {
		return behind(now, memory, facts)
	}
	return Verdict{Action: Start, Reason: "the operation it replaces has ended", To: app.Status.Sync.Revision}
}

// unstartable says why the newer revision's operation is not to be written after the last one has ended; empty if it may.
func unstartable(app *v1alpha1.Application) string {
	state := app.Status.OperationState
	switch {
	case app.Operation != nil:
		return "another operation has been asked for"
	case state.Operation.InitiatedBy.Username == rollingSync:
		return "its ApplicationSet's RollingSync starts the next operation"
	case !automated(app):
		return "auto-sync has been switched off since"
	case !compared(app):
		return "Argo CD has not compared its source yet"
	case app.Status.Sync.Revision == "":
		return "no revision is known that Argo CD follows"
	case app.Status.Sync.Revision == revision(state) && !marked(app):
		return "its last operation's revision is the one that Argo CD follows"
	case app.Status.Sync.Status != v1alpha1.SyncStatusCodeOutOfSync:
		return fmt.Sprintf("it is %s with %s", app.Status.Sync.Status, app.Status.Sync.Revision)
	}
	return refused(app)
}

// refused says why auto-sync would not sync what is OutOfSync; empty if it would (autoSync).
func refused(app *v1alpha1.Application) string {
	pruneOnly, pruneAll := true, true
	for i := range app.Status.Resources {
		resource := &app.Status.Resources[i]
		if resource.Status != v1alpha1.SyncStatusCodeSynced && !resource.RequiresPruning {
			pruneOnly = false
		}
		if !resource.RequiresPruning {
			pruneAll = false
		}
	}
	policy := app.Spec.SyncPolicy.Automated
	switch {
	case !policy.Prune && pruneOnly:
		return "there is only something to prune, and auto-sync may not"
	case policy.Prune && !policy.AllowEmpty && pruneAll:
		return "it would prune everything, and auto-sync may not"
	}
	return ""
}

func leave(reason string) Verdict { return Verdict{Action: Leave, Reason: reason} }

func keep(format string, arguments ...any) Verdict {
	return Verdict{Action: Keep, Reason: fmt.Sprintf(format, arguments...), After: recheck}
}

func wait(after time.Duration, format string, arguments ...any) Verdict {
	return Verdict{Action: Wait, Reason: fmt.Sprintf(format, arguments...), After: after}
}
