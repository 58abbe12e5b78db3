package argocd_test

import (
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
)

func object(apiVersion, kind string, spec, annotations map[string]any) manifest.Object {
	return manifest.Object{"apiVersion": apiVersion, "kind": kind, "spec": spec, "metadata": map[string]any{"name": "a", "annotations": annotations}}
}

// A user loses the truth of what ends a wait. (test/argocd compares which kinds wait with Argo CD's own checks.)
func TestWaitsSayWhatEndsThem(t *testing.T) {
	for _, test := range []struct {
		name   string
		object manifest.Object
		waits  bool
		limit  string
	}{
		{"a Deployment has a deadline", object("apps/v1", "Deployment", nil, nil), true, "progressDeadlineSeconds (600 s)"},
		{"which may be its own", object("apps/v1", "Deployment", map[string]any{"progressDeadlineSeconds": int64(60)}, nil), true, "progressDeadlineSeconds (60 s)"},
		{"or none", object("apps/v1", "Deployment", map[string]any{"progressDeadlineSeconds": float64(2147483647)}, nil), true, ""},
		{"a StatefulSet has none", object("apps/v1", "StatefulSet", nil, nil), true, ""},
		{"a Job gives up", object("batch/v1", "Job", nil, nil), true, "backoffLimit (6 retries)"},
		{"after its own retries", object("batch/v1", "Job", map[string]any{"backoffLimit": int64(0)}, nil), true, "backoffLimit (0 retries)"},
		{"or in time", object("batch/v1", "Job", map[string]any{"activeDeadlineSeconds": int64(30)}, nil), true, "activeDeadlineSeconds (30 s)"},
		{"only load balancers wait", object("v1", "Service", map[string]any{"type": "LoadBalancer"}, nil), true, ""},
		{"other Services never", object("v1", "Service", nil, nil), false, ""},
		{"a ConfigMap never", object("v1", "ConfigMap", nil, nil), false, ""},
		{"nor a Deployment of another group", object("example.com/v1", "Deployment", nil, nil), false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			wait, ok := argocd.Waits(test.object)
			if ok != test.waits || wait.Limit != test.limit {
				t.Errorf("got %+v %t", wait, ok)
			}
		})
	}
}

// A user loses one wave where one would do, or gets two objects at once where one needs the other.
func TestAppliedBefore(t *testing.T) {
	for _, test := range []struct {
		name                  string
		kind, object          string
		laterKind, laterNamed string
		want                  bool
	}{
		{"by kind", "ConfigMap", "z", "Deployment", "a", true},
		{"not against the kinds", "Deployment", "a", "ConfigMap", "z", false},
		{"known kinds before others", "Ingress", "z", "Rollout", "a", true},
		{"others by name", "VirtualService", "a", "Rollout", "b", true},
		{"of equal names neither", "VirtualService", "a", "Rollout", "a", false},
		{"one kind at the same time", "ConfigMap", "a", "ConfigMap", "b", false},
		{"whatever its group", "Service", "a", "Service", "b", false},
		{"autoscalers before StatefulSets", "StatefulSet", "a", "HorizontalPodAutoscaler", "a", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := argocd.AppliedBefore(test.kind, test.object, test.laterKind, test.laterNamed); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// A user loses hooks and pins that are read otherwise than Argo CD reads them.
func TestHooksAndPins(t *testing.T) {
	for _, test := range []struct {
		name        string
		annotations map[string]any
		hook        string
		phase       argocd.Phase
		wave        int
	}{
		{"none", nil, "", 0, 0},
		{"several phases: the first counts", map[string]any{argocd.HookAnnotation: "PostSync, PreSync"}, "PostSync,PreSync", argocd.PreSync, 0},
		{"Argo CD's goes before Helm's", map[string]any{argocd.HookAnnotation: "Sync", argocd.HelmHook: "pre-install"}, "Sync", argocd.Sync, 0},
		{"Helm's where Argo CD's says nothing", map[string]any{argocd.HookAnnotation: "typo", argocd.HelmHook: "post-upgrade"}, "PostSync", argocd.PostSync, 0},
		{"Skip", map[string]any{argocd.HookAnnotation: "Skip"}, "Skip", argocd.Never, 0},
		{"Skip among others is none", map[string]any{argocd.HookAnnotation: "Skip,Sync"}, "Sync", argocd.Sync, 0},
		{"crd-install is none", map[string]any{argocd.HelmHook: "crd-install"}, "", 0, 0},
		{"a Helm test never runs", map[string]any{argocd.HelmHook: "test"}, "test", argocd.Never, 0},
		{"PostDelete", map[string]any{argocd.HookAnnotation: "PostDelete"}, "PostDelete", argocd.PostDelete, 0},
		{"a weight is a wave", map[string]any{argocd.HelmWeight: "-4"}, "", 0, -4},
		{"unless there is a wave", map[string]any{argocd.HelmWeight: "-4", argocd.WaveAnnotation: "+2"}, "", 0, 2},
		{"that is an integer", map[string]any{argocd.HelmWeight: "-4", argocd.WaveAnnotation: " 2"}, "", 0, -4},
		{"one value that is no string hides all", map[string]any{argocd.HelmWeight: "-4", argocd.HookAnnotation: "Sync", "other": 1}, "", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := object("v1", "ConfigMap", nil, test.annotations)
			hook, ok := argocd.ReadHook(o)
			if ok != (test.hook != "") || hook.Text != test.hook || ok && hook.Phase != test.phase {
				t.Errorf("hook %+v %t", hook, ok)
			}
			if pin := argocd.ReadPin(o); pin.Wave != test.wave {
				t.Errorf("pin %+v", pin)
			}
		})
	}
}
