package render_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin/render"
)

// configMaps is a kustomization of so many objects, each of so many fields.
func configMaps(objects, fields int) memory {
	var text strings.Builder
	for i := range objects {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\ndata:\n", i)
		for j := range fields {
			fmt.Fprintf(&text, "  k%d: v\n", j)
		}
	}
	return files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": text.String()})
}

func TestRendersThatFindNoMemoryLeftBelongIntoAChild(t *testing.T) {
	const mib = 1 << 20
	renderer := render.NewInProcess()
	renderer.Memory = render.NewMemory(32*mib, 4) // 4 MiB each, and 16 for who needs more
	large := render.Request{Tree: configMaps(20, 1000), Dir: "."}
	small := render.Request{Tree: configMaps(2, 10), Dir: "."}
	first, err := renderer.Render(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renderer.Render(t.Context(), large); !render.IsUnbounded(err) || !strings.Contains(err.Error(), "has no more memory left") {
		t.Errorf("beside a large render, another gives %v", err)
	}
	if result, err := renderer.Render(t.Context(), small); err != nil {
		t.Errorf("beside a large render, a small one gives %v", err)
	} else {
		result.Done()
	}
	first.Done()
	for range 3 { // whatever ends gives back what it has taken, errors as well
		broken := render.Request{Tree: configMaps(20, 1000), Dir: "."}
		broken.Tree.(memory).MapFS["kustomization.yaml"].Data = []byte("resources: [a.yaml, gone.yaml]\n")
		if _, err := renderer.Render(t.Context(), broken); err == nil || render.IsUnbounded(err) {
			t.Errorf("got %v", err)
		}
	}
	again, err := renderer.Render(t.Context(), large)
	if err != nil {
		t.Fatalf("with memory left again: %v", err)
	}
	again.Done()
	again.Done() // twice makes no difference
}

func TestWhatObjectsGrowByTakesMemory(t *testing.T) {
	const mib = 1 << 20
	renderer := render.NewInProcess()
	renderer.Memory = render.NewMemory(32*mib, 4) // 4 MiB each, and 16 for who needs more
	small := render.Request{Tree: configMaps(2, 10), Dir: "."}
	one, err := renderer.Render(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	other, err := renderer.Render(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Done()
	if err := one.Grow(15 * mib); err != nil {
		t.Errorf("with room for it: %v", err)
	}
	if err := other.Grow(15 * mib); !render.IsUnbounded(err) || !strings.Contains(err.Error(), "take 15 MiB") {
		t.Errorf("beside another: %v", err)
	}
	one.Done()
	if err := other.Grow(15 * mib); err != nil {
		t.Errorf("with memory left again: %v", err)
	}
}

func TestTheAnswerOfAChildTakesMemory(t *testing.T) {
	const mib = 1 << 20
	child := render.Child{Time: 5 * time.Minute, Answers: render.NewMemory(8*mib, 4)}
	request := render.Request{Tree: configMaps(10, 1000), Dir: "."}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for range 3 { // each takes more than half
		result, err := child.Render(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		result.Done()
	}
	_, err := child.Render(ctx, render.Request{Tree: configMaps(40, 1000), Dir: "."})
	if err == nil || !strings.Contains(err.Error(), "for which this process has no room; raise the memory limit") {
		t.Errorf("an answer larger than all memory: %v", err)
	}
}
