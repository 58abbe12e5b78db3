package argocd

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// HookAnnotation is Argo CD's, HelmHook is Helm's, which Argo CD honours where its own says nothing.
const (
	HookAnnotation = "argocd.argoproj.io/hook"
	HelmHook       = "helm.sh/hook"
)

// Phase is a phase of a sync, in the order in which they run.
type Phase int

// The phases. Nothing of Never is applied: an object with the hook Skip, or a hook of a phase Argo CD does not know.
const (
	PreSync Phase = iota - 1
	Sync
	PostSync
	SyncFail
	PostDelete
	Never
)

var phaseNames = map[string]Phase{
	"PreSync": PreSync, "Sync": Sync, "PostSync": PostSync, "SyncFail": SyncFail,
}

var helmPhases = map[string]Phase{
	"pre-install": PreSync, "pre-upgrade": PreSync, "post-install": PostSync, "post-upgrade": PostSync,
}

// Hook is an object that runs in phases of its own.
type Hook struct {
	// Phase is the first in which it runs.
	Phase Phase
	// Text is what people call it: the phases it names, or the annotation's value where Argo CD knows none of them.
	Text string
	// Unknown says that Argo CD takes it for a hook and never runs it.
	Unknown bool
}

// ReadHook says whether Argo CD takes an object for a hook, or passes over it because of the hook Skip
// (gitops-engine, pkg/sync/hook; argo-cd, controller/hook.go for PostDelete).
func ReadHook(object manifest.Object) (Hook, bool) {
	if notString(object) != "" {
		return Hook{}, false
	}
	own, hasOwn := object.Annotation(HookAnnotation)
	helm, hasHelm := object.Annotation(HelmHook)
	if !hasOwn && (!hasHelm || helm == "crd-install") {
		return Hook{}, false
	}
	hook := readPhases(own, phaseNames)
	if hook.Text == "" && skips(own) {
		return Hook{Phase: Never, Text: "Skip"}, true
	}
	if hook.Text == "" {
		hook = readPhases(helm, helmPhases)
	}
	if hook.Text == "" && (own == PostDelete.String() || helm == "post-delete") {
		return Hook{Phase: PostDelete, Text: PostDelete.String()}, true
	}
	if hook.Text == "" {
		hook.Text, hook.Unknown = own, hasOwn
		if !hasOwn {
			hook.Text = helm
		}
	}
	return hook, true
}

func skips(values string) bool {
	for value := range strings.SplitSeq(values, ",") {
		if strings.TrimSpace(value) == "Skip" {
			return true
		}
	}
	return false
}

func readPhases(values string, known map[string]Phase) Hook {
	hook := Hook{Phase: Never}
	var names []string
	for value := range strings.SplitSeq(values, ",") {
		phase, ok := known[strings.TrimSpace(value)]
		if !ok || slices.Contains(names, phase.String()) {
			continue
		}
		names = append(names, phase.String())
		hook.Phase = min(hook.Phase, phase)
	}
	hook.Text = strings.Join(names, ",")
	return hook
}

// String is the phase as Argo CD writes it.
func (p Phase) String() string {
	if p == PostDelete {
		return "PostDelete"
	}
	for name, phase := range phaseNames {
		if phase == p {
			return name
		}
	}
	return "never"
}
