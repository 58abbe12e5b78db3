package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheSidecarStaysSmall keeps out what costs tens of milliseconds at every start and tens of MiB in memory: the
// packages of Argo CD and of Kubernetes' clients.
func TestTheSidecarStaysSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 50 {
		t.Fatalf("go list names only %d packages", len(packages))
	}
	for _, name := range packages {
		for _, heavy := range []string{
			"github.com/argoproj/", "k8s.io/api/", "k8s.io/apimachinery/", "k8s.io/client-go/",
		} {
			if strings.HasPrefix(name, heavy) {
				t.Errorf("imports %s", name)
			}
		}
	}
}

// TestThePluginImportsNothingOfOursButItself keeps the direction of imports: cmd → generator → internal, cmd → plugin.
func TestThePluginImportsNothingOfOursButItself(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../../plugin/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const ours = "github.com/tidegate/tidegate/"
	for _, name := range strings.Fields(string(out)) {
		if strings.HasPrefix(name, ours) && !strings.HasPrefix(name, ours+"plugin") {
			t.Errorf("plugin imports %s", name)
		}
	}
}
