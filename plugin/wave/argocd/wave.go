package argocd

import (
	"strconv"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// WaveAnnotation is where Argo CD reads an object's wave.
const WaveAnnotation = "argocd.argoproj.io/sync-wave"

// HelmWeight is read as a wave where there is no valid WaveAnnotation, hook or not (gitops-engine, syncwaves.Wave).
const HelmWeight = "helm.sh/hook-weight"

// Pin is a wave that an object brings along.
type Pin struct {
	Wave int
	// Annotation is the one that says so, "" where the object has none.
	Annotation string
	// Misread is a value that is no integer to Argo CD, which silently goes on with Wave.
	Misread string
}

// ReadPin reads the wave an object brings along, as Argo CD does.
func ReadPin(object manifest.Object) Pin {
	var pin Pin
	for _, annotation := range []string{WaveAnnotation, HelmWeight} {
		value, ok := object.Map("metadata", "annotations")[annotation]
		if !ok {
			continue
		}
		if pin.Annotation == "" {
			pin.Annotation = annotation
		}
		text, isString := value.(string)
		wave, err := strconv.Atoi(text)
		if isString && err == nil {
			pin.Wave = wave
			return pin
		}
		if pin.Misread == "" {
			pin.Misread = text
			if !isString {
				pin.Misread = "a value that is no string"
			}
		}
	}
	return pin
}
