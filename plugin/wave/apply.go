package wave

import (
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave/argocd"
)

// SyncOptions is the annotation with Argo CD's options for one object.
const SyncOptions = "argocd.argoproj.io/sync-options"

// Apply writes the plan into the objects it was computed from. Wave 0 is Argo CD's default and gets no annotation; pins
// and hooks stay as they are.
func (p *Plan) Apply(objects []manifest.Object) {
	if p.Mode == Off {
		return
	}
	for _, wave := range p.Waves {
		for _, r := range wave.Resources {
			object := objects[r.Index]
			if !r.Pinned && r.Wave != 0 {
				object.SetAnnotation(argocd.WaveAnnotation, strconv.Itoa(r.Wave))
			}
			if generated(r.ID) {
				pruneLast(object)
			}
		}
	}
}

// pruneLast keeps the old one until everything else is applied. An object that already says something about it is left
// alone.
func pruneLast(object manifest.Object) {
	options, _ := object.Annotation(SyncOptions)
	if strings.Contains(options, "PruneLast=") {
		return
	}
	if options = strings.TrimRight(options, ", "); options != "" {
		options += ","
	}
	object.SetAnnotation(SyncOptions, options+"PruneLast=true")
}
