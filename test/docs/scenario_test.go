package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheScenarioOfTheDocumentsCompiles: whoever begins with it has something that works.
func TestTheScenarioOfTheDocumentsCompiles(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "docs/architecture.md"), "```go\n//go:build e2e\n")
	scenario, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("docs/architecture.md has no scenario")
	}
	var imports strings.Builder
	for _, path := range []string{
		"context", "fmt", "strings", "testing", `appsv1 k8s.io/api/apps/v1`, "sigs.k8s.io/controller-runtime/pkg/client",
		"github.com/tidegate/tidegate/test/controlplane", "github.com/tidegate/tidegate/test/controlplane/simulate",
	} {
		name, path, named := strings.Cut(path, " ")
		if !named {
			name, path = "", name
		}
		imports.WriteString("\t" + name + " \"" + path + "\"\n")
	}
	file := filepath.Join(t.TempDir(), "scenario.go")
	content := "//go:build e2e\n\npackage e2e\n\nimport (\n" + imports.String() + ")\n" + scenario
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	shown, err := filepath.Abs(filepath.Join(root, "test", "e2e", "documented_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{shown: file}})
	if err != nil {
		t.Fatal(err)
	}
	layers := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(layers, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	vet := exec.Command("go", "vet", "-tags", "e2e", "-overlay", layers, "./test/e2e")
	vet.Dir = root
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", vet, err, out)
	}
}
