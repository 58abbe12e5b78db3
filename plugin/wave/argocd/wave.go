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
	// Misread is a value that is no integer to Argo CD, which silently goes on with Wave. It is quoted: it may be empty.
	Misread string
	// Blind says that Annotation is no string: Argo CD then sees none of the object's annotations.
	Blind bool
}

// ReadPin reads the wave an object brings along, as Argo CD does.
func ReadPin(object manifest.Object) Pin {
	if key := notString(object); key != "" {
		return Pin{Annotation: key, Blind: true}
	}
	var pin Pin
	for _, annotation := range []string{WaveAnnotation, HelmWeight} {
		text, ok := object.Annotation(annotation)
		if !ok {
			continue
		}
		if pin.Annotation == "" {
			pin.Annotation = annotation
		}
		wave, err := strconv.Atoi(text)
		if err == nil {
			pin.Wave = wave
			return pin
		}
		if pin.Misread == "" {
			pin.Misread = strconv.Quote(text)
		}
	}
	return pin
}

// notString finds an annotation whose value is no string, of several the first by name. One is enough for
// unstructured.GetAnnotations to return none at all.
func notString(object manifest.Object) string {
	found := ""
	for key, value := range object.Map("metadata", "annotations") {
		if _, ok := value.(string); !ok && (found == "" || key < found) {
			found = key
		}
	}
	return found
}
