package generate

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// TestTheNameOfAVariableKeepsNoTextInMemory: what is remembered of a render for long is charged with the names alone.
func TestTheNameOfAVariableKeepsNoTextInMemory(t *testing.T) {
	text := strings.Repeat("x", 1<<20) + "${REGION} and ${CLUSTER} and ${REGION}"
	object := manifest.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"a": text}}
	names := variablesIn(&render.Result{Objects: []manifest.Object{object}}, map[string]string{"REGION": "r"})
	if want := []string{"CLUSTER", "REGION"}; !slices.Equal(names, want) {
		t.Fatalf("got %v", names)
	}
	begin := uintptr(unsafe.Pointer(unsafe.StringData(text)))
	for _, name := range names {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(name))); at >= begin && at < begin+uintptr(len(text)) {
			t.Errorf("%s is a part of the text", name)
		}
	}
}
