package supersede_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/generator/supersede"
)

// missed is blocked after its rollout has succeeded by itself: Argo CD knows of repair, and syncs nothing.
func missed() *v1alpha1.Application {
	app := blocked()
	app.Operation = nil
	state := app.Status.OperationState
	state.Phase, state.Message = common.OperationSucceeded, "successfully synced (all tasks run)"
	state.FinishedAt = new(metav1.NewTime(started.Add(time.Hour)))
	app.Status.ReconciledAt = new(metav1.NewTime(started.Add(time.Hour)))
	return app
}

func reconciled(at time.Time) edit {
	return func(app *v1alpha1.Application) { app.Status.ReconciledAt = new(metav1.NewTime(at)) }
}

func TestOnlyWhatAutoSyncOverlooksIsStarted(t *testing.T) {
	const second = time.Second
	end := started.Add(time.Hour)
	cases := []struct {
		name   string
		edit   edit
		memory supersede.Memory
		after  time.Duration // since the operation's end; 3 seconds if it is zero
		facts  *supersede.Facts
		want   supersede.Action
	}{
		{name: "it has succeeded", want: supersede.Start},
		{name: "it has failed: what failed was the other revision", edit: state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationFailed }), want: supersede.Start},
		{name: "its retries are used up", edit: state(func(s *v1alpha1.OperationState) {
			s.Phase, s.RetryCount = common.OperationFailed, 5
		}), want: supersede.Start},
		{name: "in error", edit: state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationError }), want: supersede.Start},
		{name: "somebody terminated it", edit: state(func(s *v1alpha1.OperationState) {
			s.Phase, s.Message = common.OperationFailed, "Operation terminated"
		}), want: supersede.Start},
		{name: "without selfHeal", edit: func(app *v1alpha1.Application) { app.Spec.SyncPolicy.Automated.SelfHeal = false }, want: supersede.Start},
		{name: "it was a self-heal of the old revision", edit: state(func(s *v1alpha1.OperationState) {
			s.Operation.Sync.Resources = []v1alpha1.SyncOperationResource{{Kind: "Service", Name: "payments-api"}}
		}), want: supersede.Start},

		{name: "it has only just ended", after: 3*second - 1, want: supersede.Wait},
		{name: "Argo CD has not looked since", edit: reconciled(end.Add(-second)), want: supersede.Wait},
		{name: "Argo CD has never looked", edit: func(app *v1alpha1.Application) { app.Status.ReconciledAt = nil }, want: supersede.Wait},
		{name: "Argo CD does not look by itself", edit: reconciled(end.Add(-second)), after: 15 * second, want: supersede.Refresh},
		{name: "Argo CD does not look, and there is nothing newer", edit: all(reconciled(end.Add(-second)), func(app *v1alpha1.Application) {
			app.Status.Sync.Revision = bad
		}), after: 15 * second, want: supersede.Leave},

		{name: "the same revision is not repeated", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad }, want: supersede.Leave},
		{name: "the same revision is not repeated when it failed", edit: all(func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad },
			state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationFailed })), want: supersede.Leave},
		{name: "the newer revision differs elsewhere", facts: &supersede.Facts{Newest: repair}, want: supersede.Leave},
		{name: "the newer revision changes nothing live", edit: func(app *v1alpha1.Application) {
			app.Status.Sync.Status = v1alpha1.SyncStatusCodeSynced
		}, want: supersede.Leave},
		{name: "the newer revision cannot be rendered", edit: func(app *v1alpha1.Application) {
			app.Status.Sync.Status = v1alpha1.SyncStatusCodeUnknown
		}, want: supersede.Leave},
		{name: "no revision known", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = "" }, want: supersede.Leave},
		{name: "a closed sync window", facts: &supersede.Facts{Changed: true, Window: "closed"}, want: supersede.Wait},
		{name: "a revision that the repository is in doubt about", facts: &supersede.Facts{Changed: true, Newest: bad, Behind: true, Doubt: "unsigned"}, want: supersede.Wait},
		{name: "the branch was set back", facts: &supersede.Facts{Changed: true, Newest: repair, Older: true}, want: supersede.Leave},
		{name: "something newer, which Argo CD syncs by itself once it sees it", facts: &supersede.Facts{Changed: true, Newest: later, Behind: true}, want: supersede.Refresh},
		{name: "the newest is not known", facts: &supersede.Facts{Changed: true}, want: supersede.Start},
		{name: "it was taken back, which Argo CD does not come to see", facts: &supersede.Facts{Changed: true, Newest: later, Behind: true, Restored: true},
			after: 20 * time.Hour, want: supersede.Refresh},

		{name: "another operation has been asked for", edit: func(app *v1alpha1.Application) { app.Operation = &v1alpha1.Operation{} }, want: supersede.Leave},
		{name: "a human started it", edit: state(func(s *v1alpha1.OperationState) {
			s.Operation.InitiatedBy = v1alpha1.OperationInitiator{Username: "admin"}
		}), want: supersede.Leave},
		{name: "a RollingSync starts it", edit: all(func(app *v1alpha1.Application) { app.Spec.SyncPolicy.Automated = nil },
			state(func(s *v1alpha1.OperationState) { s.Operation.InitiatedBy.Username = "applicationset-controller" })), want: supersede.Leave},
		{name: "auto-sync was switched off", edit: func(app *v1alpha1.Application) { app.Spec.SyncPolicy.Automated = nil }, want: supersede.Leave},
		{name: "switched off for the environment", edit: func(app *v1alpha1.Application) {
			app.Labels["tidegate.dev/environment"] = "sandbox"
		}, want: supersede.Leave},
		{name: "not an ApplicationSet's", edit: func(app *v1alpha1.Application) { app.OwnerReferences = nil }, want: supersede.Leave},
		{name: "being deleted", edit: func(app *v1alpha1.Application) { app.DeletionTimestamp = new(metav1.NewTime(started)) }, want: supersede.Leave},
		{name: "several sources", edit: func(app *v1alpha1.Application) { app.Spec.Sources = v1alpha1.ApplicationSources{*app.Spec.Source} }, want: supersede.Leave},
		{name: "without manifest-generate-paths auto-sync does it", edit: func(app *v1alpha1.Application) { app.Annotations = nil }, want: supersede.Leave},
		{name: "another source, which auto-sync sees", edit: state(func(s *v1alpha1.OperationState) { s.SyncResult.Source.TargetRevision = "v1" }), want: supersede.Leave},
		{name: "another source, not yet compared", edit: func(app *v1alpha1.Application) {
			app.Status.Sync.ComparedTo.Source.TargetRevision = "v1"
		}, want: supersede.Leave},
		{name: "no result", edit: state(func(s *v1alpha1.OperationState) { s.SyncResult = nil }), want: supersede.Leave},
		{name: "no end", edit: state(func(s *v1alpha1.OperationState) { s.FinishedAt = nil }), want: supersede.Leave},
		{name: "only something to prune, which auto-sync may not", edit: func(app *v1alpha1.Application) {
			app.Spec.SyncPolicy.Automated.Prune = false
			app.Status.Resources[0].RequiresPruning = true
		}, want: supersede.Leave},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := missed()
			if c.edit != nil {
				c.edit(app)
			}
			if c.after == 0 {
				c.after = 3 * second
			}
			decided(t, app, end.Add(c.after), c.memory, c.facts, c.want)
		})
	}
}

// ends lets the operation under way end by itself, while Argo CD knows of repair.
func (a *argocd) ends(phase common.OperationPhase) {
	state := a.live().Status.OperationState
	state.Phase, state.Message = phase, "it has ended by itself"
	a.setOperationState(state)
	a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
}

// compares is a comparison of Argo CD.
func (a *argocd) compares(status v1alpha1.SyncStatusCode, revision string) {
	a.status(map[string]any{"reconciledAt": metav1.Now(), "sync": map[string]any{"status": status, "revision": revision}})
}

// progressing is a rollout that is not to be released: it ends before the grace period does.
func progressing(t *testing.T, test func(*argocd)) {
	t.Helper()
	run(t, blocked(), nil, func(a *argocd) {
		pass(20 * time.Second)
		test(a)
	})
}

func TestARevisionThatCameDuringARolloutIsStartedOnce(t *testing.T) {
	for _, phase := range []common.OperationPhase{common.OperationSucceeded, common.OperationFailed, common.OperationError} {
		t.Run(string(phase), func(t *testing.T) {
			progressing(t, func(a *argocd) {
				a.ends(phase)
				pass(2 * time.Second)
				if a.written() != 0 {
					t.Fatalf("written before Argo CD has had its turn: %v", a.patches)
				}
				pass(time.Second)
				app := a.live()
				want := &v1alpha1.Operation{
					Sync:        &v1alpha1.SyncOperation{Revision: repair, Prune: true, SyncOptions: v1alpha1.SyncOptions{"ServerSideApply=true"}},
					InitiatedBy: v1alpha1.OperationInitiator{Automated: true},
					Retry:       v1alpha1.RetryStrategy{Limit: 5},
				}
				if difference := cmp.Diff(want, app.Operation); difference != "" || app.Status.OperationState != nil {
					t.Fatalf("not the operation that auto-sync writes: %s", difference)
				}
				told := fmt.Sprintf("Normal OverlookedSyncStarted Started the sync to %s, which came during the one to %s: auto-sync does not take it for new", repair, bad)
				if difference := cmp.Diff([]string{told}, a.said()); difference != "" {
					t.Error(difference)
				}
				a.setOperationState(&v1alpha1.OperationState{Operation: *app.Operation, Phase: common.OperationRunning, StartedAt: metav1.Now()})
				a.fails(a.live().Status.OperationState)
				a.ends(common.OperationFailed)
				pass(time.Hour)
				if a.written() != 1 || a.metric("supersede_total", "overlooked") != 1 {
					t.Errorf("once per revision, whatever becomes of it: %v", a.patches)
				}
			})
		})
	}
}

// Drift is not for us to repair where selfHeal is off, and it looks the same: the Application is OutOfSync with a revision
// that no operation has applied, because it changed nothing when it came.
func TestDriftIsNotTakenForARevisionThatWasOverlooked(t *testing.T) {
	t.Run("of a revision that came during the rollout", func(t *testing.T) {
		progressing(t, func(a *argocd) {
			a.ends(common.OperationSucceeded)
			pass(time.Second)
			a.compares(v1alpha1.SyncStatusCodeSynced, repair)
			pass(time.Minute)
			a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
	t.Run("by a replica that has only watched so far", func(t *testing.T) {
		progressing(t, func(a *argocd) {
			a.resign()
			a.ends(common.OperationSucceeded)
			pass(time.Second)
			a.compares(v1alpha1.SyncStatusCodeSynced, repair)
			pass(time.Minute)
			a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
			a.start()
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
	t.Run("of a revision that came later", func(t *testing.T) {
		progressing(t, func(a *argocd) {
			a.ends(common.OperationSucceeded)
			a.compares(v1alpha1.SyncStatusCodeOutOfSync, bad)
			pass(time.Minute)
			a.compares(v1alpha1.SyncStatusCodeSynced, repair)
			pass(time.Minute)
			a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
	t.Run("which nobody saw begin", func(t *testing.T) {
		run(t, missed(), nil, func(a *argocd) {
			pass(time.Hour)
			a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
}

func TestWhatAutoSyncStartsIsNotReplaced(t *testing.T) {
	progressing(t, func(a *argocd) {
		theirs := map[string]any{"sync": map[string]any{"revision": later}, "initiatedBy": map[string]any{"automated": true}}
		a.set(func() {
			a.beforeUse = func() {
				a.changes(map[string]any{"operation": theirs, "status": map[string]any{"operationState": nil}})
			}
		})
		a.ends(common.OperationSucceeded)
		pass(time.Hour)
		if operation := a.live().Operation; operation == nil || operation.Sync.Revision != later {
			t.Errorf("Argo CD's operation was replaced by %v", operation)
		}
	})
}

func TestArgoCDIsAskedOnceToLookAgain(t *testing.T) {
	progressing(t, func(a *argocd) {
		state := a.live().Status.OperationState
		state.Phase = common.OperationSucceeded
		a.setOperationState(state)
		pass(time.Hour)
		if a.written() != 1 || a.live().Annotations[v1alpha1.AnnotationKeyRefresh] != "normal" {
			t.Fatalf("not asked once: %v", a.patches)
		}
		a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
		synctest.Wait()
		if operation := a.live().Operation; operation == nil || operation.Sync.Revision != repair {
			t.Errorf("not started once it has looked: %v", a.patches)
		}
	})
}

func TestAClosedSyncWindowHoldsWhatCameDuringARollout(t *testing.T) {
	always := &v1alpha1.SyncWindow{Kind: "deny", Schedule: "* * * * *", Duration: "1h", Applications: []string{"payments-*"}}
	progressing(t, func(a *argocd) {
		a.set(func() { a.windows = v1alpha1.SyncWindows{always} })
		a.ends(common.OperationSucceeded)
		pass(time.Hour)
		if a.written() != 0 {
			t.Fatalf("written: %v", a.patches)
		}
		a.set(func() { a.windows = nil })
		pass(time.Minute)
		if a.live().Operation == nil {
			t.Errorf("not started when the window opened: %v", a.patches)
		}
	})
}

// Why auto-sync does not sync what came when nothing was under way is its own affair.
func TestARevisionThatCameAfterwardsIsLeftToAutoSync(t *testing.T) {
	progressing(t, func(a *argocd) {
		a.ends(common.OperationSucceeded)
		a.compares(v1alpha1.SyncStatusCodeOutOfSync, bad)
		pass(time.Minute)
		a.compares(v1alpha1.SyncStatusCodeOutOfSync, repair)
		pass(time.Hour)
		if a.written() != 0 {
			t.Errorf("written: %v", a.patches)
		}
	})
}

func TestTheNextLeaderStartsWhatItSawComeDuringARollout(t *testing.T) {
	progressing(t, func(a *argocd) {
		a.resign()
		a.ends(common.OperationSucceeded)
		pass(time.Minute)
		a.start()
		synctest.Wait()
		if operation := a.live().Operation; operation == nil || operation.Sync.Revision != repair {
			t.Errorf("not started: %v", a.patches)
		}
	})
}

// What comes after the look at Argo CD's turn, and is newer still, is asked for first: Argo CD syncs it by itself, with one
// rollout fewer.
func TestTheNewestIsLeftToAutoSync(t *testing.T) {
	progressing(t, func(a *argocd) {
		a.set(func() { a.newest = later })
		a.ends(common.OperationSucceeded)
		pass(3 * time.Second)
		if a.written() != 1 || a.live().Annotations[v1alpha1.AnnotationKeyRefresh] != "normal" {
			t.Fatalf("not asked to compare with the newest: %v", a.patches)
		}
		pass(15 * time.Second)
		if operation := a.live().Operation; operation == nil || operation.Sync.Revision != repair {
			t.Errorf("Argo CD does not come to see it, and what it has seen is not started: %v", a.patches)
		}
	})
}
