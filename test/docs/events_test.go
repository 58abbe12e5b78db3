package docs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stated are the texts that a pattern captures in the sources of a package: what the program can say, said or not.
func stated(t *testing.T, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, relative), -1) {
			out = append(out, match[1])
		}
	}
	if len(out) == 0 {
		t.Fatalf("nothing in %s is like %s", dir, pattern)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestEveryEventIsDocumented: whoever sees one can look up what it means.
func TestEveryEventIsDocumented(t *testing.T) {
	want := append(stated(t, "generator/guard", `\badd\("([A-Za-z]+)", (?:true|false)`), stated(t, "generator/supersede", `(?m)^\s*Event\w+ += "(\w+)"`)...)
	_, after, _ := strings.Cut(read(t, page), "\n### Events\n")
	section, _, _ := strings.Cut(after, "\n#")
	var got []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(section, -1) {
		got = append(got, match[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Events that there are and that %s tells of differ (-want +got):\n%s", page, diff)
	}
}

func TestEveryKindOfFindingIsDocumented(t *testing.T) {
	for _, kind := range stated(t, "generator/params", `FindingKind += "([a-z-]+)"`) {
		if !strings.Contains(read(t, page), "\n| `"+kind+"` |") {
			t.Errorf("%s does not tell of findings that are %s", page, kind)
		}
	}
}
