package supersede

import (
	"cmp"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/app/path"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mark is the name of the note that a released operation carries in status.operationState.operation.info: it says, after
// any restart, that the newer revision's operation is still to be written. It is no annotation, because the ApplicationSet
// controller removes those that its template does not make (createOrUpdateInCluster). It survives an update of the
// operation's state by the application controller, whose merge patch leaves out an empty info (setOperationState).
const Mark = "tidegate.dev/superseded"

// rollingSync is whom the ApplicationSet controller names as initiator of a RollingSync's operations
// (applicationset/controllers, syncApplication). Auto-sync names nobody.
const rollingSync = "applicationset-controller"

// waitsForHealth begins the message of an operation that waits for nothing but health (gitops-engine, setRunningPhase).
// It waits for a hook, or for a deletion, in other words.
const waitsForHealth = "waiting for healthy state of "

// id is one operation: a retry keeps its start, and a RollingSync's retry may resolve another revision.
func id(app *v1alpha1.Application) string {
	return app.Status.OperationState.StartedAt.UTC().Format(time.RFC3339) + "/" + revision(app.Status.OperationState)
}

// revision is what an operation applies. The result knows it once it is resolved; auto-sync asks for a resolved one.
func revision(state *v1alpha1.OperationState) string {
	if state.SyncResult != nil && state.SyncResult.Revision != "" {
		return state.SyncResult.Revision
	}
	if state.Operation.Sync != nil {
		return state.Operation.Sync.Revision
	}
	return ""
}

// marked tells whether the operation is one that was released.
func marked(app *v1alpha1.Application) bool {
	for _, info := range app.Status.OperationState.Operation.Info {
		if info != nil && info.Name == Mark {
			return info.Value == id(app)
		}
	}
	return false
}

// betweenAttempts tells whether an operation has failed and its retry has not begun: it is Running and has an end
// (controller/appcontroller.go, processRequestedAppOperation).
func betweenAttempts(state *v1alpha1.OperationState) bool {
	return state.Phase == common.OperationRunning && state.FinishedAt != nil
}

// waitingFor says what an operation waits for, in Argo CD's words; empty if it does something else than to wait for
// health or for its next attempt.
func waitingFor(state *v1alpha1.OperationState) string {
	if betweenAttempts(state) {
		return "its next attempt (" + state.Message + ")"
	}
	if strings.HasPrefix(state.Message, waitsForHealth) {
		return strings.TrimPrefix(state.Message, "waiting for ")
	}
	return ""
}

// runningHook names a hook that has begun and not ended; empty if there is none. Only hooks have a hookType: the
// hookPhase of anything else says that it was applied.
func runningHook(state *v1alpha1.OperationState) string {
	if state.SyncResult == nil {
		return ""
	}
	for _, row := range state.SyncResult.Resources {
		if row != nil && row.HookType != "" && !row.HookPhase.Completed() {
			return row.Kind + "/" + row.Name
		}
	}
	return ""
}

// owned tells whether an ApplicationSet makes this Application.
func owned(app *v1alpha1.Application) bool {
	owner := metav1.GetControllerOf(app)
	return owner != nil && owner.Kind == "ApplicationSet" && strings.HasPrefix(owner.APIVersion, "argoproj.io/")
}

// startedBy names who started an operation.
func startedBy(operation *v1alpha1.Operation) string {
	if operation.InitiatedBy.Automated {
		return "auto-sync"
	}
	return cmp.Or(operation.InitiatedBy.Username, "somebody")
}

// compared tells whether what Argo CD last compared is what the Application says now: its revision is of no use otherwise.
func compared(app *v1alpha1.Application) bool {
	source := app.Spec.GetSource()
	return source.Equals(&app.Status.Sync.ComparedTo.Source)
}

// Folders are what an Application is made from, relative to the repository's root: its manifest-generate-paths, as Argo CD
// reads them, and its own path. "." is the whole repository.
func Folders(app *v1alpha1.Application) []string {
	var folders []string
	seen := map[string]bool{}
	for _, folder := range append(path.GetAppRefreshPaths(app), app.Spec.GetSource().Path) {
		folder = cmp.Or(strings.Trim(folder, "/"), ".")
		if !seen[folder] {
			seen[folder] = true
			folders = append(folders, folder)
		}
	}
	return folders
}
