package wave_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryFindingIsExplained keeps docs/waves.md complete: a name in a warning is of no use where nobody says what it means.
func TestEveryFindingIsExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/waves.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`p\.found\(\w+, "([a-z-]+)"`).FindAllStringSubmatch(string(content), -1) {
			names[found[1]] = true
		}
	}
	if len(names) < 15 {
		t.Fatalf("found only %d names", len(names))
	}
	for name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/waves.md does not say what %s means", name)
		}
	}
}
