package strict_test

import (
	"testing"

	"github.com/tidegate/tidegate/internal/strict"
)

func TestASlipOfTheFingerIsUnderstood(t *testing.T) {
	known := []string{"name", "namespace", "syncPolicy", "environments", "a"}
	for name, want := range map[string]string{
		"nmae": "name", "Name": "name", "syncPolcy": "syncPolicy", "sync_policy": "syncPolicy", "enviroments": "environments",
		"namspace": "namespace", "b": "", "kustomize": "", "": "",
	} {
		if got := strict.Nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
