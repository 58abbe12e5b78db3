package supersede_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func pass(d time.Duration) {
	time.Sleep(d) // in a bubble: the clock is the test's
	synctest.Wait()
}

func TestTheFixComesInAfterTheGracePeriod(t *testing.T) {
	run(t, blocked(), nil, func(a *argocd) {
		pass(29 * time.Second)
		if a.written() != 0 {
			t.Fatalf("written before the grace period is over: %v", a.patches)
		}
		pass(time.Second)
		if phase := a.live().Status.OperationState.Phase; phase != common.OperationTerminating {
			t.Fatalf("the operation is %s after the grace period", phase)
		}
		a.terminates()
		synctest.Wait()

		app := a.live()
		want := &v1alpha1.Operation{
			Sync:        &v1alpha1.SyncOperation{Revision: repair, Prune: true, SyncOptions: v1alpha1.SyncOptions{"ServerSideApply=true"}},
			InitiatedBy: v1alpha1.OperationInitiator{Automated: true},
			Retry:       v1alpha1.RetryStrategy{Limit: 5},
		}
		if difference := cmp.Diff(want, app.Operation); difference != "" {
			t.Errorf("not the operation that auto-sync writes: %s", difference)
		}
		if app.Status.OperationState != nil {
			t.Errorf("the old operation's state is still there: %v", app.Status.OperationState)
		}
		pass(time.Hour)
		if a.written() != 2 {
			t.Errorf("written: %v", a.patches)
		}
		events := []string{
			fmt.Sprintf("Normal Superseded Released the sync to %s, which waited for healthy state of apps/Deployment/payments-api: %s changes what it applies", bad, repair),
			fmt.Sprintf("Normal SupersedingSyncStarted Started the sync to %s in place of the one to %s", repair, bad),
		}
		if difference := cmp.Diff(events, a.said()); difference != "" {
			t.Error(difference)
		}
		if a.metric("supersede_total", "released") != 1 || a.metric("supersede_total", "started") != 1 {
			t.Error("not counted")
		}
	})
}

func TestTheRetryOfTheSyncPolicyIsTheNewOperations(t *testing.T) {
	app := over()
	app.Spec.SyncPolicy.Retry = &v1alpha1.RetryStrategy{Limit: 2, Backoff: &v1alpha1.Backoff{Duration: "7s"}}
	app.Spec.SyncPolicy.Automated.Prune = false
	run(t, app, nil, func(a *argocd) {
		synctest.Wait()
		operation := a.live().Operation
		if operation == nil || operation.Retry.Limit != 2 || operation.Retry.Backoff.Duration != "7s" || operation.Sync.Prune {
			t.Errorf("written: %v", a.patches)
		}
	})
}

func TestAFixThatComesLateNeedsNoFurtherGrace(t *testing.T) {
	app := blocked()
	app.Status.Sync.Revision = bad
	run(t, app, func(a *argocd) { a.newest = bad }, func(a *argocd) {
		pass(9 * time.Minute)
		if a.written() != 0 {
			t.Fatalf("written without a newer revision: %v", a.patches)
		}
		a.set(func() { a.newest = repair })
		a.status(map[string]any{"sync": map[string]any{"revision": repair}})
		synctest.Wait()
		if phase := a.live().Status.OperationState.Phase; phase != common.OperationTerminating {
			t.Errorf("the operation is %s", phase)
		}
	})
}

func TestAHealthySlowRolloutIsLeftAlone(t *testing.T) {
	cases := []struct {
		name    string
		prepare func(*argocd)
	}{
		{"no newer revision", func(a *argocd) { a.newest = bad }},
		{"an unrelated newer commit", func(a *argocd) { a.differs = func(string, string) (bool, error) { return false, nil } }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := blocked()
			if c.name == "no newer revision" {
				app.Status.Sync.Revision = bad
			}
			run(t, app, c.prepare, func(a *argocd) {
				pass(29 * time.Second)
				if a.metric("supersede_total", "kept") != 0 {
					t.Error("it has not yet outlasted the grace period")
				}
				pass(time.Second)
				if a.metric("supersede_total", "kept") != 1 {
					t.Error("nothing tells that it was looked at")
				}
				pass(time.Hour)
				if a.written() != 0 || a.metric("supersede_total", "kept") != 1 {
					t.Errorf("written: %v", a.patches)
				}
			})
		})
	}
	t.Run("it progresses, with a newer revision", func(t *testing.T) {
		run(t, blocked(), nil, func(a *argocd) {
			for replica := range 20 {
				app := a.live()
				app.Status.Resources[0].Health.Message = fmt.Sprintf("%d of 20 updated replicas are available", replica)
				a.status(map[string]any{"resources": app.Status.Resources})
				pass(25 * time.Second)
			}
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
}

// revertedBy has a revision hold the files of the one that is being applied.
func (a *argocd) revertedBy(revision string) {
	same := map[string]bool{bad: true, revision: true}
	a.set(func() {
		a.newest = revision
		a.differs = func(from, to string) (bool, error) { return from != to && !(same[from] && same[to]), nil }
	})
}

func TestARolloutIsNotEndedForAnOlderRevision(t *testing.T) {
	run(t, blocked(), func(a *argocd) { a.older = repair }, func(a *argocd) {
		pass(time.Hour)
		if a.written() != 0 {
			t.Errorf("written: %v", a.patches)
		}
	})
}

func TestARolloutIsNotEndedWhileTheRepositoryIsInDoubtAndWhatWasEndedIsStarted(t *testing.T) {
	run(t, blocked(), func(a *argocd) { a.doubt = "the branch was rewritten" }, func(a *argocd) {
		pass(time.Hour)
		if a.written() != 0 {
			t.Fatalf("written: %v", a.patches)
		}
		a.set(func() { a.doubt = "" })
		pass(2 * time.Minute)
		a.set(func() { a.doubt = "the repository cannot be read" })
		a.terminates()
		synctest.Wait()
		if operation := a.live().Operation; operation == nil || operation.Sync.Revision != repair {
			t.Errorf("not started: %v", a.patches)
		}
	})
}

func TestARolloutIsNotEndedForWhatWasTakenBack(t *testing.T) {
	run(t, blocked(), func(a *argocd) { a.revertedBy(later) }, func(a *argocd) {
		pass(time.Hour) // Argo CD has compared with the revision in between only
		if a.written() != 0 {
			t.Fatalf("written: %v", a.patches)
		}
		a.status(map[string]any{"sync": map[string]any{"revision": later}})
		pass(time.Hour)
		if a.written() != 0 {
			t.Errorf("written: %v", a.patches)
		}
	})
}

// A rollout stops half-way, and auto-sync gives it up, if this fails.
func TestWhatWasEndedIsStartedAgainIfItsFixWasTakenBack(t *testing.T) {
	for name, newest := range map[string]string{"by a commit": later, "by setting the branch back": bad} {
		t.Run(name, func(t *testing.T) {
			run(t, blocked(), nil, func(a *argocd) {
				pass(30 * time.Second)
				a.revertedBy(newest)
				a.status(map[string]any{"sync": map[string]any{"revision": newest}})
				a.terminates()
				synctest.Wait()
				if operation := a.live().Operation; operation == nil || operation.Sync.Revision != newest {
					t.Fatalf("not started: %v", a.patches)
				}
				a.setOperationState(&v1alpha1.OperationState{Operation: *a.live().Operation, Phase: common.OperationRunning, StartedAt: metav1.Now()})
				a.ends(common.OperationFailed)
				a.compares(v1alpha1.SyncStatusCodeOutOfSync, newest)
				pass(time.Hour)
				if a.written() != 2 {
					t.Errorf("more than once: %v", a.patches)
				}
			})
		})
	}
}

func TestAFailureAtTheSameMomentDoesNotReviveTheOperation(t *testing.T) {
	run(t, blocked(), nil, func(a *argocd) {
		under := a.live().Status.OperationState
		pass(30 * time.Second)
		a.fails(under) // it had read the operation before it was Terminating
		synctest.Wait()
		if phase := a.live().Status.OperationState.Phase; phase != common.OperationTerminating {
			t.Fatalf("the operation is %s", phase)
		}
		a.terminates()
		synctest.Wait()
		if operation := a.live().Operation; operation == nil || operation.Sync.Revision != repair {
			t.Errorf("the fix is not started: %v", a.patches)
		}
		if a.metric("supersede_total", "released") != 1 || a.metric("supersede_total", "repeated") != 1 {
			t.Error("one release that was repeated is to be counted as that")
		}
		if released := strings.Count(strings.Join(a.said(), "\n"), "Superseded Released"); released != 1 {
			t.Errorf("%d Events tell of one release", released)
		}
	})
}

func TestTheNextLeaderFinishesWhatTheLastOneBegan(t *testing.T) {
	cases := []struct {
		name      string
		meanwhile func(*argocd, *v1alpha1.OperationState)
	}{
		{"it ended in between", func(a *argocd, _ *v1alpha1.OperationState) { a.terminates() }},
		{"it ended, having succeeded after all", func(a *argocd, under *v1alpha1.OperationState) {
			under.Phase, under.Message = common.OperationSucceeded, "successfully synced (all tasks run)"
			a.setOperationState(under)
		}},
		{"it was revived in between", func(a *argocd, under *v1alpha1.OperationState) { a.fails(under) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			run(t, blocked(), nil, func(a *argocd) {
				under := a.live().Status.OperationState
				pass(30 * time.Second)
				a.resign()
				c.meanwhile(a, under)
				a.lead()
				synctest.Wait()
				if a.live().Status.OperationState != nil {
					a.terminates() // it was revived
					synctest.Wait()
				}
				if operation := a.live().Operation; operation == nil || operation.Sync.Revision != repair {
					t.Errorf("the fix is not started: %v", a.patches)
				}
			})
		})
	}
}

func TestNothingIsWrittenToAnApplicationThatHasChangedSince(t *testing.T) {
	t.Run("the rollout has ended", func(t *testing.T) {
		run(t, blocked(), nil, func(a *argocd) {
			a.set(func() {
				a.beforeUse = func() {
					state := a.live().Status.OperationState
					state.Phase, state.Message = common.OperationSucceeded, "successfully synced (all tasks run)"
					a.setOperationState(state)
				}
			})
			pass(time.Hour)
			if state := a.live().Status.OperationState; state.Phase != common.OperationSucceeded {
				t.Errorf("a sync that succeeded was made %s", state.Phase)
			}
			if a.metric("supersede_total", "released") != 0 {
				t.Error("a release that was not one is counted")
			}
		})
	})
	t.Run("Argo CD has started the fix", func(t *testing.T) {
		run(t, blocked(), nil, func(a *argocd) {
			pass(30 * time.Second)
			theirs := map[string]any{"sync": map[string]any{"revision": later}, "initiatedBy": map[string]any{"automated": true}}
			a.set(func() {
				a.beforeUse = func() {
					a.changes(map[string]any{"operation": theirs, "status": map[string]any{"operationState": nil}})
				}
			})
			a.terminates()
			pass(time.Hour)
			if operation := a.live().Operation; operation == nil || operation.Sync.Revision != later {
				t.Errorf("Argo CD's operation was replaced by %v", operation)
			}
		})
	})
	t.Run("it has progressed, and only the informer does not know", func(t *testing.T) {
		run(t, blocked(), nil, func(a *argocd) {
			app := a.live()
			app.Status.OperationState.Message = "waiting for healthy state of apps/StatefulSet/ledger"
			if err := a.client.Tracker().Update(applications, app, app.Namespace); err != nil {
				t.Fatal(err)
			}
			pass(30 * time.Second)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
			pass(30 * time.Second)
			if a.written() != 1 {
				t.Errorf("not released after another grace period: %v", a.patches)
			}
		})
	})
	t.Run("it is gone", func(t *testing.T) {
		run(t, blocked(), nil, func(a *argocd) {
			if err := a.client.Tracker().Delete(applications, "argocd", "payments-api-staging"); err != nil {
				t.Fatal(err)
			}
			pass(time.Hour)
			if a.written() != 0 || a.metric("supersede_total", "failed") != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
}

func TestWhatAHumanStartedIsReportedOnceAndNotTouched(t *testing.T) {
	app := blocked()
	byHand(app)
	run(t, app, nil, func(a *argocd) {
		pass(time.Hour)
		want := []string{fmt.Sprintf("Warning NewerRevisionWaits A newer revision, %s, waits behind the sync to %s, which waits for "+
			"healthy state of apps/Deployment/payments-api. admin started it: to let it in, run: argocd app terminate-op argocd/payments-api-staging; argocd app sync argocd/payments-api-staging", repair, bad)}
		if difference := cmp.Diff(want, a.said()); difference != "" {
			t.Error(difference)
		}
		if a.metric("supersede_waiting", "") != 1 {
			t.Error("the gauge does not show it")
		}
		a.set(func() { a.newest = later })
		a.status(map[string]any{"sync": map[string]any{"revision": later}})
		pass(time.Hour)
		if said := a.said(); len(said) != 1 || !strings.Contains(said[0], later) {
			t.Errorf("told of the next revision: %v", said)
		}
		state := a.live().Status.OperationState
		state.Phase = common.OperationSucceeded
		a.setOperationState(state)
		pass(time.Hour)
		if a.metric("supersede_waiting", "") != 0 {
			t.Error("the gauge still shows it")
		}
		if a.written() != 0 {
			t.Errorf("written: %v", a.patches)
		}
	})
}

// Somebody has switched auto-sync off to work on an Application in peace, and a sync is started all the same, if this fails.
func TestAutoSyncThatArgoCD3HasSwitchedOffIsOff(t *testing.T) {
	off := func(a *argocd) { a.beyond = `{"spec": {"syncPolicy": {"automated": {"enabled": false}}}}` }
	t.Run("during an operation", func(t *testing.T) {
		run(t, blocked(), off, func(a *argocd) {
			pass(time.Hour)
			if said := a.said(); len(said) != 1 || !strings.Contains(said[0], "auto-sync has been switched off since") || a.written() != 0 {
				t.Errorf("told: %v; written: %v", said, a.patches)
			}
			if a.metric("supersede_waiting", "") != 1 {
				t.Error("the gauge does not show it")
			}
		})
	})
	t.Run("after one that was released", func(t *testing.T) {
		run(t, over(), off, func(a *argocd) {
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
	t.Run("after one that ended by itself", func(t *testing.T) {
		run(t, blocked(), off, func(a *argocd) {
			a.ends(common.OperationSucceeded)
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
	t.Run("switched on", func(t *testing.T) {
		run(t, over(), func(a *argocd) { a.beyond = `{"spec": {"syncPolicy": {"automated": {"enabled": true}}}}` }, func(a *argocd) {
			synctest.Wait()
			if a.live().Operation == nil {
				t.Error("not started")
			}
		})
	})
}

func TestARollingSyncStartsItsOwnOperations(t *testing.T) {
	app := blocked()
	rolling(app)
	run(t, app, nil, func(a *argocd) {
		pass(30 * time.Second)
		info := a.live().Status.OperationState.Operation.Info
		if len(info) != 2 || info[0].Name != "Reason" {
			t.Errorf("the RollingSync's own note is lost: %v", a.patches)
		}
		a.terminates()
		pass(time.Hour)
		if a.written() != 1 || a.live().Operation != nil {
			t.Errorf("written: %v", a.patches)
		}
	})
}

// The controller's patch of the state has the RollingSync's own note, and so replaces the list that ours was in.
func TestARollingSyncIsReleasedOnceEvenIfTheNoteIsLost(t *testing.T) {
	app := blocked()
	rolling(app)
	run(t, app, nil, func(a *argocd) {
		under := a.live().Status.OperationState
		pass(30 * time.Second)
		a.fails(under)
		synctest.Wait()
		a.terminates()
		synctest.Wait()
		if said := a.said(); len(said) != 1 || a.metric("supersede_total", "repeated") != 1 {
			t.Errorf("told: %v", said)
		}
	})
}

func TestArgoCDIsAskedToSeeTheFix(t *testing.T) {
	app := blocked()
	app.Status.Sync.Revision = bad
	run(t, app, nil, func(a *argocd) {
		pass(30 * time.Second)
		if a.live().Annotations[v1alpha1.AnnotationKeyRefresh] != "normal" || a.written() != 1 {
			t.Fatalf("not asked once: %v", a.patches)
		}
		pass(15 * time.Second)
		if a.written() != 2 {
			t.Fatalf("not asked again: %v", a.patches)
		}
		a.changes(map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationKeyRefresh: nil}},
			"status":   map[string]any{"sync": map[string]any{"revision": repair}},
		})
		synctest.Wait()
		if phase := a.live().Status.OperationState.Phase; phase != common.OperationTerminating {
			t.Errorf("the operation is %s", phase)
		}
	})
}

func TestARevisionThatDoesNotRenderIsNoFailureOfTheReleaser(t *testing.T) {
	app := blocked()
	app.Status.Sync.Revision = ""
	run(t, app, func(a *argocd) {
		a.differs = func(from, to string) (bool, error) {
			if from == "" || to == "" {
				return false, errors.New("unknown commit")
			}
			return from != to, nil
		}
	}, func(a *argocd) {
		pass(10 * time.Minute)
		if failed := a.metric("supersede_total", "failed"); failed != 0 || a.written() != 0 {
			t.Errorf("%v failures, written: %v", failed, a.patches)
		}
		a.status(map[string]any{"sync": map[string]any{"revision": repair}})
		synctest.Wait()
		if phase := a.live().Status.OperationState.Phase; phase != common.OperationTerminating {
			t.Errorf("the operation is %s once the newest revision renders", phase)
		}
	})
}

func TestNothingIsDoneOnDoubt(t *testing.T) {
	unknown := errors.New("unknown commit")
	run(t, blocked(), func(a *argocd) {
		a.differs = func(string, string) (bool, error) { return false, unknown }
	}, func(a *argocd) {
		pass(10 * time.Minute)
		if a.written() != 0 {
			t.Errorf("written: %v", a.patches)
		}
		if a.metric("supersede_total", "failed") == 0 {
			t.Error("the doubt is not counted")
		}
		a.set(func() { a.differs = func(from, to string) (bool, error) { return from != to, nil } })
		a.releaser.Wake()
		synctest.Wait()
		if a.written() != 1 {
			t.Errorf("not released once the repository knows: %v", a.patches)
		}
	})
}

func TestAClosedSyncWindowHoldsBothHalves(t *testing.T) {
	always := &v1alpha1.SyncWindow{Kind: "deny", Schedule: "* * * * *", Duration: "1h", Applications: []string{"payments-*"}, ManualSync: true}
	t.Run("the release", func(t *testing.T) {
		run(t, blocked(), func(a *argocd) { a.windows = v1alpha1.SyncWindows{always} }, func(a *argocd) {
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
			a.set(func() { a.windows = nil })
			pass(time.Minute)
			if a.written() != 1 {
				t.Errorf("not released when the window opened: %v", a.patches)
			}
		})
	})
	t.Run("the start", func(t *testing.T) {
		run(t, over(), func(a *argocd) { a.windows = v1alpha1.SyncWindows{always} }, func(a *argocd) {
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
			a.set(func() { a.windows = nil })
			pass(time.Minute)
			if a.live().Operation == nil {
				t.Errorf("not started when the window opened: %v", a.patches)
			}
		})
	})
	t.Run("one that Argo CD cannot read", func(t *testing.T) {
		broken := &v1alpha1.SyncWindow{Kind: "allow", Schedule: "sometimes", Duration: "1h", Applications: []string{"*"}}
		run(t, blocked(), func(a *argocd) { a.windows = v1alpha1.SyncWindows{broken} }, func(a *argocd) {
			pass(time.Hour)
			if a.written() != 0 {
				t.Errorf("written: %v", a.patches)
			}
		})
	})
}

func TestAnAttemptThatFailedIsNotWaitedFor(t *testing.T) {
	app := blocked()
	retrying(app)
	app.Status.OperationState.FinishedAt = &metav1.Time{Time: started}
	run(t, app, nil, func(a *argocd) {
		synctest.Wait()
		if phase := a.live().Status.OperationState.Phase; phase != common.OperationTerminating {
			t.Errorf("the operation is %s", phase)
		}
	})
}
