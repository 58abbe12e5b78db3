package simulate

import (
	_ "embed"
	"slices"
)

//go:embed stages.yaml
var stages []byte

// Stages is the configuration for kwok v0.7.0 (its flag --config). With it kwok starts no pod before this package says
// so; nodes keep kwok's default.
func Stages() []byte { return slices.Clone(stages) }

// podAnnotation is the word that Stages waits for.
const podAnnotation = prefix + "pod"

// The words of podAnnotation.
const (
	podRuns     = "run"
	podCrashes  = "crash"
	podSucceeds = "succeed"
	podFails    = "fail"
)
