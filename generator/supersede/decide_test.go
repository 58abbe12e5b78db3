package supersede_test

import (
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/generator/supersede"
)

var (
	policy  = supersede.Policy{Grace: 30 * time.Second, Off: map[string]bool{"sandbox": true}}
	changed = supersede.Facts{Changed: true, Newest: repair}
	// enough is a moment at which the grace period is over for what was first seen when it started.
	enough = started.Add(30 * time.Second)
)

type edit func(*v1alpha1.Application)

func state(change func(*v1alpha1.OperationState)) edit {
	return func(app *v1alpha1.Application) { change(app.Status.OperationState) }
}

// syncOperation changes the operation where it is asked for and where it runs.
func syncOperation(change func(*v1alpha1.Operation)) edit {
	return func(app *v1alpha1.Application) {
		change(app.Operation)
		change(&app.Status.OperationState.Operation)
	}
}

func retrying(app *v1alpha1.Application) {
	state := app.Status.OperationState
	state.FinishedAt = new(metav1.NewTime(started))
	state.RetryCount = 1
	state.Message = "one or more objects failed to apply. Retrying attempt #1 at 10:00AM."
}

func byHand(app *v1alpha1.Application) {
	syncOperation(func(o *v1alpha1.Operation) { o.InitiatedBy = v1alpha1.OperationInitiator{Username: "admin"} })(app)
}

func rolling(app *v1alpha1.Application) {
	app.Spec.SyncPolicy.Automated = nil
	syncOperation(func(o *v1alpha1.Operation) {
		o.InitiatedBy = v1alpha1.OperationInitiator{Username: "applicationset-controller", Automated: true}
		o.Sync.Revision = ""
		o.Info = []*v1alpha1.Info{{Name: "Reason", Value: "ApplicationSet RollingSync triggered a sync of this Application resource."}}
	})(app)
}

func runningHook(app *v1alpha1.Application) {
	result := app.Status.OperationState.SyncResult
	result.Resources = append(result.Resources, &v1alpha1.ResourceResult{
		Group: "batch", Kind: "Job", Name: "migrate", HookType: common.HookTypeSync, HookPhase: common.OperationRunning,
	})
}

func all(edits ...edit) edit {
	return func(app *v1alpha1.Application) {
		for _, edit := range edits {
			edit(app)
		}
	}
}

func TestOnlyWhatBlocksItsFixIsReleased(t *testing.T) {
	cases := []struct {
		name   string
		edit   edit
		memory supersede.Memory
		at     time.Time
		facts  *supersede.Facts
		want   supersede.Action
	}{
		{name: "blocked by a Deployment that does not come up", want: supersede.Terminate},
		{name: "one moment before the grace period is over", at: enough.Add(-time.Millisecond), want: supersede.Wait},
		{name: "it progressed a moment ago", memory: supersede.Memory{Since: enough.Add(-time.Second)}, want: supersede.Wait},
		{name: "between two attempts there is no grace", edit: retrying, at: started, want: supersede.Terminate},
		{name: "a RollingSync's", edit: rolling, want: supersede.Terminate},
		{name: "a hook that has ended", edit: all(runningHook, state(func(s *v1alpha1.OperationState) {
			s.SyncResult.Resources[2].HookPhase = common.OperationSucceeded
		})), want: supersede.Terminate},

		{name: "no revision is known that Argo CD follows", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = "" },
			facts: &supersede.Facts{Newest: repair, Behind: true}, want: supersede.Leave},
		{name: "it waits for a hook", edit: state(func(s *v1alpha1.OperationState) {
			s.Message = "waiting for completion of hook batch/Job/migrate"
		}), want: supersede.Leave},
		{name: "it waits for a deletion", edit: state(func(s *v1alpha1.OperationState) {
			s.Message = "waiting for deletion of apps/Deployment/old"
		}), want: supersede.Leave},
		{name: "it is applying", edit: state(func(s *v1alpha1.OperationState) { s.Message = "one or more tasks are running" }), want: supersede.Leave},
		{name: "it has just begun", edit: state(func(s *v1alpha1.OperationState) { s.Message, s.SyncResult = "", nil }), want: supersede.Leave},
		{name: "a hook runs beside what it waits for", edit: runningHook, want: supersede.Leave},
		{name: "a hook is being created", edit: all(runningHook, state(func(s *v1alpha1.OperationState) {
			s.SyncResult.Resources[2].HookPhase = ""
		})), want: supersede.Leave},
		{name: "a hook still runs between two attempts", edit: all(retrying, runningHook), want: supersede.Leave},

		{name: "some resources only", edit: syncOperation(func(o *v1alpha1.Operation) {
			o.Sync.Resources = []v1alpha1.SyncOperationResource{{Kind: "ConfigMap", Name: "settings"}}
		}), want: supersede.Leave},
		{name: "auto-sync of Argo CD 3, which writes down the Application's own source", edit: func(app *v1alpha1.Application) {
			source := app.Spec.GetSource()
			app.Status.OperationState.Operation.Sync.Source = &source
		}, want: supersede.Terminate},
		{name: "a rollback by hand to another revision of the same source", edit: all(byHand, func(app *v1alpha1.Application) {
			source := app.Spec.GetSource()
			app.Status.OperationState.Operation.Sync.Source = &source
		}), want: supersede.Leave},
		{name: "a rollback", edit: syncOperation(func(o *v1alpha1.Operation) { o.Sync.Source = &v1alpha1.ApplicationSource{} }), want: supersede.Leave},
		{name: "a rollback of several sources", edit: syncOperation(func(o *v1alpha1.Operation) {
			o.Sync.Sources = v1alpha1.ApplicationSources{{}}
		}), want: supersede.Leave},
		{name: "a rollback by hand is not even reported", edit: all(byHand, syncOperation(func(o *v1alpha1.Operation) {
			o.Sync.Source = &v1alpha1.ApplicationSource{}
		})), want: supersede.Leave},
		{name: "a dry run", edit: syncOperation(func(o *v1alpha1.Operation) { o.Sync.DryRun = true }), want: supersede.Leave},
		{name: "local manifests", edit: syncOperation(func(o *v1alpha1.Operation) { o.Sync.Manifests = []string{"{}"} }), want: supersede.Leave},
		{name: "no sync", edit: syncOperation(func(o *v1alpha1.Operation) { o.Sync = nil }), want: supersede.Leave},
		{name: "no longer asked for", edit: func(app *v1alpha1.Application) { app.Operation = nil }, want: supersede.Leave},
		{name: "revision not resolved", edit: all(rolling, state(func(s *v1alpha1.OperationState) { s.SyncResult = nil })), want: supersede.Leave},
		{name: "no operation ever", edit: func(app *v1alpha1.Application) { app.Status.OperationState = nil }, want: supersede.Leave},
		{name: "being deleted", edit: func(app *v1alpha1.Application) { app.DeletionTimestamp = new(metav1.NewTime(started)) }, want: supersede.Leave},
		{name: "several sources", edit: func(app *v1alpha1.Application) { app.Spec.Sources = v1alpha1.ApplicationSources{*app.Spec.Source} }, want: supersede.Leave},
		{name: "switched off for the environment", edit: func(app *v1alpha1.Application) { app.Labels["tidegate.dev/environment"] = "sandbox" }, want: supersede.Leave},
		{name: "not an ApplicationSet's", edit: func(app *v1alpha1.Application) { app.OwnerReferences = nil }, want: supersede.Leave},
		{name: "already terminating", edit: state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationTerminating }), want: supersede.Leave},
		{name: "somebody else terminated it", edit: state(func(s *v1alpha1.OperationState) {
			s.Phase, s.Message = common.OperationFailed, "Operation terminated"
		}), want: supersede.Leave},

		{name: "no newer revision", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad },
			facts: &supersede.Facts{Newest: bad}, want: supersede.Keep},
		{name: "an unrelated newer commit", facts: &supersede.Facts{Newest: repair}, want: supersede.Keep},
		{name: "an unrelated newer commit that Argo CD has not seen", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad },
			facts: &supersede.Facts{Newest: repair}, want: supersede.Keep},
		{name: "a newer revision that changes nothing live", edit: func(app *v1alpha1.Application) {
			app.Status.Sync.Status = v1alpha1.SyncStatusCodeSynced
		}, want: supersede.Leave},
		{name: "a newer revision that cannot be rendered", edit: func(app *v1alpha1.Application) {
			app.Status.Sync.Status = v1alpha1.SyncStatusCodeUnknown
		}, want: supersede.Leave},
		{name: "the comparison is of another source", edit: func(app *v1alpha1.Application) { app.Spec.Source.TargetRevision = "v2" }, want: supersede.Leave},
		{name: "a closed sync window", facts: &supersede.Facts{Changed: true, Newest: repair, Window: "closed"}, want: supersede.Wait},

		{name: "Argo CD has not seen the fix", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad },
			facts: &supersede.Facts{Newest: repair, Behind: true}, want: supersede.Refresh},
		{name: "Argo CD has seen only an unrelated commit", facts: &supersede.Facts{Newest: later, Behind: true}, want: supersede.Refresh},
		{name: "Argo CD has seen a fix that cannot be rendered, and there is a newer", edit: func(app *v1alpha1.Application) {
			app.Status.Sync.Status = v1alpha1.SyncStatusCodeUnknown
		}, facts: &supersede.Facts{Changed: true, Newest: later, Behind: true}, want: supersede.Refresh},
		{name: "the newest is not known", facts: &supersede.Facts{Changed: true}, want: supersede.Terminate},
		{name: "Argo CD follows a revision that does not follow the operation's", facts: &supersede.Facts{Changed: true, Older: true}, want: supersede.Keep},
		{name: "the newer revision was taken back, and Argo CD has not seen that", facts: &supersede.Facts{Changed: true, Newest: later, Behind: true, Restored: true},
			want: supersede.Keep},
		{name: "the newer revision was taken back behind what a human started", edit: byHand,
			facts: &supersede.Facts{Changed: true, Newest: later, Behind: true, Restored: true}, want: supersede.Keep},
		{name: "revived after it was released, and the newer revision was taken back", memory: supersede.Memory{Released: true},
			facts: &supersede.Facts{Changed: true, Newest: later, Behind: true, Restored: true}, want: supersede.Keep},

		{name: "started by a human", edit: byHand, want: supersede.Report},
		{name: "started by a human, in a closed window", edit: byHand, facts: &supersede.Facts{Changed: true, Window: "closed"}, want: supersede.Report},
		{name: "started by a human, and not yet compared", edit: all(byHand, func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad }),
			facts: &supersede.Facts{Newest: repair, Behind: true}, want: supersede.Report},
		{name: "started by a human, an unrelated commit", edit: byHand, facts: &supersede.Facts{Newest: repair}, want: supersede.Keep},
		{name: "started by a human, at work", edit: all(byHand, state(func(s *v1alpha1.OperationState) { s.Message = "" })), want: supersede.Leave},
		{name: "auto-sync was switched off since", edit: func(app *v1alpha1.Application) { app.Spec.SyncPolicy.Automated = nil }, want: supersede.Report},
		{name: "no sync policy any more", edit: func(app *v1alpha1.Application) { app.Spec.SyncPolicy = nil }, want: supersede.Report},

		{name: "revived after it was released", edit: state(func(s *v1alpha1.OperationState) { s.Message = "one or more tasks are running" }),
			memory: supersede.Memory{Released: true}, want: supersede.Terminate},
		{name: "revived, as the note says after a change of leader", edit: all(mark, state(func(s *v1alpha1.OperationState) { s.Message = "" })),
			want: supersede.Terminate},
		{name: "revived, and a hook runs by now", edit: runningHook, memory: supersede.Memory{Released: true}, want: supersede.Leave},
		{name: "revived, and a window has closed", memory: supersede.Memory{Released: true},
			facts: &supersede.Facts{Changed: true, Window: "closed"}, want: supersede.Wait},
		{name: "revived with the newest revision", edit: func(app *v1alpha1.Application) { app.Status.OperationState.SyncResult.Revision = repair },
			memory: supersede.Memory{Released: true}, facts: &supersede.Facts{Newest: repair}, want: supersede.Keep},
		{name: "the note is another operation's", edit: all(mark, state(func(s *v1alpha1.OperationState) {
			s.StartedAt = metav1.NewTime(started.Add(time.Minute))
			s.Message = ""
		})), want: supersede.Leave},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := blocked()
			if c.edit != nil {
				c.edit(app)
			}
			decided(t, app, c.at, c.memory, c.facts, c.want)
		})
	}
}

func TestTheFixIsStartedOnceWhatBlockedItHasEnded(t *testing.T) {
	cases := []struct {
		name   string
		edit   edit
		facts  *supersede.Facts
		at     time.Time
		memory supersede.Memory
		want   supersede.Action
	}{
		{name: "terminated", want: supersede.Start},
		{name: "failed at the same moment", edit: state(func(s *v1alpha1.OperationState) { s.Message = "one or more objects failed to apply" }), want: supersede.Start},
		{name: "succeeded at the same moment", edit: state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationSucceeded }), want: supersede.Start},
		{name: "in error", edit: state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationError }), want: supersede.Start},
		{name: "the environment was switched off since: the fix is not to be lost", edit: func(app *v1alpha1.Application) {
			app.Labels["tidegate.dev/environment"] = "sandbox"
		}, want: supersede.Start},
		{name: "Argo CD has started it", edit: func(app *v1alpha1.Application) { app.Operation = &v1alpha1.Operation{} }, want: supersede.Leave},
		{name: "the note is another operation's", edit: state(func(s *v1alpha1.OperationState) {
			s.StartedAt = metav1.NewTime(started.Add(time.Minute))
			s.Operation.InitiatedBy = v1alpha1.OperationInitiator{Username: "admin"}
		}), want: supersede.Leave},
		{name: "a RollingSync starts it", edit: func(app *v1alpha1.Application) {
			app.Spec.SyncPolicy.Automated = nil
			app.Status.OperationState.Operation.InitiatedBy.Username = "applicationset-controller"
		}, want: supersede.Leave},
		{name: "auto-sync was switched off", edit: func(app *v1alpha1.Application) { app.Spec.SyncPolicy.Automated = nil }, want: supersede.Leave},
		{name: "being deleted", edit: func(app *v1alpha1.Application) { app.DeletionTimestamp = new(metav1.NewTime(started)) }, want: supersede.Leave},
		{name: "another source, not yet compared", edit: func(app *v1alpha1.Application) { app.Spec.Source.Path = "elsewhere" }, want: supersede.Leave},
		{name: "the branch was set back: nobody else would apply the rest of it", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad },
			facts: &supersede.Facts{Newest: bad, Restored: true}, want: supersede.Start},
		{name: "the branch was set back, and it succeeded at the same moment", edit: all(func(app *v1alpha1.Application) { app.Status.Sync.Revision = bad },
			state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationSucceeded })), facts: &supersede.Facts{Newest: bad, Restored: true}, want: supersede.Leave},
		{name: "no revision known", edit: func(app *v1alpha1.Application) { app.Status.Sync.Revision = "" }, want: supersede.Leave},
		{name: "already in sync", edit: func(app *v1alpha1.Application) { app.Status.Sync.Status = v1alpha1.SyncStatusCodeSynced }, want: supersede.Leave},
		{name: "cannot be compared", edit: func(app *v1alpha1.Application) { app.Status.Sync.Status = v1alpha1.SyncStatusCodeUnknown }, want: supersede.Leave},
		{name: "only something to prune, which auto-sync may not", edit: func(app *v1alpha1.Application) {
			app.Spec.SyncPolicy.Automated.Prune = false
			app.Status.Resources[0].RequiresPruning = true
		}, want: supersede.Leave},
		{name: "would prune everything", edit: func(app *v1alpha1.Application) {
			for i := range app.Status.Resources {
				app.Status.Resources[i].RequiresPruning = true
			}
		}, want: supersede.Leave},
		{name: "may prune everything", edit: func(app *v1alpha1.Application) {
			app.Spec.SyncPolicy.Automated.AllowEmpty = true
			for i := range app.Status.Resources {
				app.Status.Resources[i].RequiresPruning = true
			}
		}, want: supersede.Start},
		{name: "a closed sync window", facts: &supersede.Facts{Changed: true, Window: "closed"}, want: supersede.Wait},
		{name: "the newer revision was taken back: nobody else would apply the rest of the old one", facts: &supersede.Facts{Newest: repair, Restored: true}, want: supersede.Start},
		{name: "nothing changed after all, and the newest is not known", facts: &supersede.Facts{}, want: supersede.Start},
		{name: "taken back, in a closed sync window", facts: &supersede.Facts{Newest: repair, Restored: true, Window: "closed"}, want: supersede.Wait},
		{name: "taken back, and it succeeded at the same moment: what differs is drift", edit: state(func(s *v1alpha1.OperationState) { s.Phase = common.OperationSucceeded }),
			facts: &supersede.Facts{Newest: repair, Restored: true}, want: supersede.Leave},
		{name: "taken back, which Argo CD does not come to see", facts: &supersede.Facts{Changed: true, Newest: later, Behind: true, Restored: true},
			at: started.Add(3 * time.Hour), want: supersede.Refresh},
		{name: "something newer, not yet compared", facts: &supersede.Facts{Changed: true, Newest: later, Behind: true},
			at: started.Add(time.Hour), want: supersede.Refresh},
		{name: "something newer, which Argo CD does not come to see", facts: &supersede.Facts{Changed: true, Newest: later, Behind: true},
			at: started.Add(time.Hour + 15*time.Second), want: supersede.Start},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := over()
			if c.edit != nil {
				c.edit(app)
			}
			if c.at.IsZero() {
				c.at = started.Add(2 * time.Hour)
			}
			decided(t, app, c.at, c.memory, c.facts, c.want)
		})
	}
}

// decided compares a verdict, and shows that asking for no facts where they make a difference is not possible.
func decided(t *testing.T, app *v1alpha1.Application, at time.Time, memory supersede.Memory, facts *supersede.Facts, want supersede.Action) {
	t.Helper()
	if at.IsZero() {
		at = enough
	}
	if memory.Since.IsZero() {
		memory.Since = started
	}
	if facts == nil {
		facts = &changed
	}
	before := app.DeepCopy()
	verdict := policy.Decide(app, at, memory, facts)
	if verdict.Action != want {
		t.Errorf("%s (%s), want %s", verdict.Action, verdict.Reason, want)
	}
	if verdict.Reason == "" {
		t.Error("a verdict without a reason")
	}
	if (verdict.Action == supersede.Wait || verdict.Action == supersede.Keep) != (verdict.After > 0) {
		t.Errorf("%s, to look again after %s", verdict.Action, verdict.After)
	}
	if asked := policy.Decide(app, at, memory, nil); asked.Action != supersede.Ask && !cmp.Equal(asked, verdict) {
		t.Errorf("without facts %v, with facts %v", asked, verdict)
	}
	if difference := cmp.Diff(before, app, cmpopts.EquateComparable(v1alpha1.ApplicationDestination{})); difference != "" {
		t.Errorf("deciding changed the Application: %s", difference)
	}
}

func TestAVerdictNamesBothRevisionsAndWhatWasWaitedFor(t *testing.T) {
	verdict := policy.Decide(blocked(), enough, supersede.Memory{Since: started}, &changed)
	want := supersede.Verdict{Action: supersede.Terminate, Reason: "a newer revision changes what it applies",
		From: bad, To: repair, WaitedFor: "healthy state of apps/Deployment/payments-api"}
	if difference := cmp.Diff(want, verdict); difference != "" {
		t.Error(difference)
	}
}

func TestProgressIsWhatWasNotSeenBefore(t *testing.T) {
	deployment := func(message string) edit {
		return func(app *v1alpha1.Application) { app.Status.Resources[0].Health.Message = message }
	}
	cases := []struct {
		name     string
		edits    []edit
		progress bool
	}{
		{name: "nothing happens", edits: []edit{all()}},
		{name: "one more replica", edits: []edit{deployment("1 of 2 updated replicas are available")}, progress: true},
		{name: "a container crashes, comes back and crashes", edits: []edit{
			deployment("1 of 2 updated replicas are available"),
			deployment("0 of 2 updated replicas are available"),
			deployment("1 of 2 updated replicas are available"),
		}},
		{name: "an autoscaler that the sync does not wait for", edits: []edit{func(app *v1alpha1.Application) {
			app.Status.Resources[1].Health.Message = "the desired count is within the acceptable range"
		}}},
		{name: "it waits for something else", edits: []edit{state(func(s *v1alpha1.OperationState) {
			s.Message = "waiting for healthy state of apps/StatefulSet/ledger"
		})}, progress: true},
		{name: "a result row more", edits: []edit{state(func(s *v1alpha1.OperationState) {
			s.SyncResult.Resources = append(s.SyncResult.Resources, &v1alpha1.ResourceResult{Kind: "Service", Name: "payments-api"})
		})}, progress: true},
		{name: "a result row changes", edits: []edit{state(func(s *v1alpha1.OperationState) {
			s.SyncResult.Resources[1].Message = "deployment.apps/payments-api configured"
		})}, progress: true},
		{name: "another attempt", edits: []edit{state(func(s *v1alpha1.OperationState) { s.RetryCount++ })}, progress: true},
		{name: "another operation", edits: []edit{state(func(s *v1alpha1.OperationState) {
			s.StartedAt = metav1.NewTime(started.Add(time.Second))
		})}, progress: true},
		{name: "a newer revision, which is no progress of the old one", edits: []edit{func(app *v1alpha1.Application) {
			app.Status.Sync.Revision = later
		}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := blocked()
			var memory supersede.Memory
			memory.Observe(app, started)
			for i, edit := range c.edits {
				edit(app)
				memory.Observe(app, started.Add(time.Duration(i+1)*time.Second))
			}
			last := started.Add(time.Duration(len(c.edits)) * time.Second)
			if progress := memory.Since.Equal(last); progress != c.progress {
				t.Errorf("progress at the last change: %t, want %t", progress, c.progress)
			}
		})
	}
}

func TestTheFoldersAreWhatArgoCDWatches(t *testing.T) {
	cases := []struct {
		name, paths string
		want        []string
	}{
		{"a service", "/services/payments-api", []string{"services/payments-api", "services/payments-api/overlays/staging"}},
		{"shared folders", "/services/payments-api;/shared/", []string{"services/payments-api", "shared", "services/payments-api/overlays/staging"}},
		{"relative to the path", ".;../../base", []string{"services/payments-api/overlays/staging", "services/payments-api/base"}},
		{"the whole repository", "/", []string{".", "services/payments-api/overlays/staging"}},
		{"not annotated", "", []string{"services/payments-api/overlays/staging"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			app := blocked()
			app.Annotations[v1alpha1.AnnotationKeyManifestGeneratePaths] = c.paths
			if difference := cmp.Diff(c.want, supersede.Folders(app)); difference != "" {
				t.Error(difference)
			}
		})
	}
}
