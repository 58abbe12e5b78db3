package servers

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The control plane under test gets its CustomResourceDefinitions and its types from the module of our own go.mod, and its
// servers from another.
func TestArgoCDsServersAreOfTheVersionOfItsTypes(t *testing.T) {
	source, err := sourceFolder()
	if err != nil {
		t.Fatal(err)
	}
	ours, servers := argoCD(t, filepath.Join(source, "..", "..", "..")), argoCD(t, filepath.Join(source, "argocd"))
	if ours != servers {
		t.Errorf("Argo CD is %s in our go.mod, and %s in that of its servers", ours, servers)
	}
}

// argoCD is its version in the go.mod of a folder.
func argoCD(t *testing.T, folder string) string {
	t.Helper()
	name := filepath.Join(folder, "go.mod")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`(?m)^\s*(?:require )?github\.com/argoproj/argo-cd/v2 (v\S+)`).FindSubmatch(content)
	if required == nil {
		t.Fatalf("%s does not require Argo CD", name)
	}
	return string(required[1])
}

// write writes a module of one program, which says what it is.
func write(t *testing.T, source string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(source, "one", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var program = map[string]string{
	"go.mod": "module example.com/one\n\ngo 1.24\n\ntool example.com/one\n", "go.sum": "", "main.go": "package main\n\nfunc main() {}\n",
}

func TestWhatIsBuiltIsKeptByItsVersionsAndByHowItIsBuilt(t *testing.T) {
	source := t.TempDir()
	if err := os.Mkdir(filepath.Join(source, "one"), 0o755); err != nil {
		t.Fatal(err)
	}
	one := module{name: "one", programs: map[string]string{"one": "one"}}
	key := func(m module, files map[string]string) string {
		t.Helper()
		write(t, source, program)
		write(t, source, files)
		out, err := m.key(source)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	flags, renamed := one, one
	flags.ldflags, renamed.programs = "-X main.version=v2", map[string]string{"one": "first"}
	seen := map[string]string{}
	for name, got := range map[string]string{
		"as it is":            key(one, nil),
		"another go.mod":      key(one, map[string]string{"go.mod": program["go.mod"] + "// another version\n"}),
		"another go.sum":      key(one, map[string]string{"go.sum": "example.com/two v1.0.0 h1:\n"}),
		"other flags":         key(flags, nil),
		"another name for it": key(renamed, nil),
	} {
		if other, found := seen[got]; found {
			t.Errorf("%s and %s have the same folder", name, other)
		}
		seen[got] = name
	}
	if seen[key(one, nil)] != "as it is" {
		t.Error("the same has two folders")
	}
}

func TestWhatIsBuiltIsNotBuiltAgain(t *testing.T) {
	source, cache := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(source, "one"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, source, program)
	one := module{name: "one", programs: map[string]string{"one": "first"}}
	dir, err := one.build(t.Context(), source, cache, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	built, err := os.Stat(filepath.Join(dir, "first"))
	if err != nil {
		t.Fatal(err)
	}
	// It would not build any more.
	write(t, source, map[string]string{"main.go": "package broken"})
	var progress strings.Builder
	again, err := one.build(t.Context(), source, cache, &progress)
	if err != nil || again != dir || progress.Len() > 0 {
		t.Errorf("the same was built again, into %s: %v\n%s", again, err, &progress)
	}
	if now, err := os.Stat(filepath.Join(dir, "first")); err != nil || !os.SameFile(built, now) {
		t.Errorf("the program is another one: %v", err)
	}
	// What does not build leaves nothing that looks finished.
	write(t, source, map[string]string{"go.sum": "example.com/two v1.0.0 h1:\n"})
	for range 2 {
		if dir, err := one.build(t.Context(), source, cache, io.Discard); err == nil {
			t.Errorf("a program that does not compile was built into %s", dir)
		}
	}
}

// Ctrl-C is ignored for the minutes that another build takes if this fails.
func TestWhoWaitsForAnotherBuildCanBeInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	if _, err := lock(interrupted, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	unlock()
	if unlock, err = lock(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	unlock()
}
