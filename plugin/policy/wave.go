package policy

import (
	"fmt"
	"strconv"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// The annotations that Argo CD reads a wave from, the second where the first gives none (gitops-engine,
// pkg/sync/syncwaves and pkg/sync/hook/helm).
const (
	syncWave   = "argocd.argoproj.io/sync-wave"
	hookWeight = "helm.sh/hook-weight"
)

func badSyncWaves(run *run) {
	for _, object := range run.objects {
		annotations := object.Map("metadata", "annotations")
		first, hasFirst := annotations[syncWave]
		second, hasSecond := annotations[hookWeight]
		if !hasFirst && !hasSecond {
			continue
		}
		if _, ok := number(first); ok && hasFirst {
			continue
		}
		wave, ok := number(second)
		if hasFirst {
			run.wave(object, syncWave, first, effective(annotations, wave))
		}
		if hasSecond && !ok {
			run.wave(object, hookWeight, second, 0)
		}
	}
}

func (r *run) wave(object manifest.Object, annotation string, value any, wave int) {
	text := fmt.Sprintf("%v (not quoted)", value)
	if s, ok := value.(string); ok {
		text = strconv.Quote(cut(s))
	}
	r.report(object, annotationField(annotation), "{value}", text, "{wave}", strconv.Itoa(wave))
}

// number is what Argo CD reads from an annotation: 0 and false where it reads nothing.
func number(value any) (int, bool) {
	text, _ := value.(string)
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, false
	}
	return n, true
}

// effective is the wave where the first annotation gives none: the second's, but 0 if any annotation is no string,
// because Argo CD then reads none of them.
func effective(annotations map[string]any, second int) int {
	for _, value := range annotations {
		if _, ok := value.(string); !ok {
			return 0
		}
	}
	return second
}
