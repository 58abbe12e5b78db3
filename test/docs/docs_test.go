// Package docs checks that what the documents promise is there: files that are linked, parameters, dependencies.
package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestLinksLeadSomewhere(t *testing.T) {
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, document := range append(documents, root+"/README.md", root+"/examples/gitops-platform/README.md") {
		content, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(content), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), match[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, match[1], err)
			}
		}
	}
}

func TestEveryAnnouncedParameterIsDocumented(t *testing.T) {
	var config struct {
		Spec struct {
			Parameters struct {
				Static []struct{ Name, Title, Tooltip string }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "plugin.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Spec.Parameters.Static) == 0 {
		t.Fatal("plugin.yaml announces no parameters")
	}
	document := read(t, "README.md")
	for _, parameter := range config.Spec.Parameters.Static {
		if !regexp.MustCompile("(?m)^\\| .*`" + parameter.Name + "`").MatchString(document) {
			t.Errorf("README.md has no row for the parameter %s", parameter.Name)
		}
		if parameter.Title == "" || parameter.Tooltip == "" {
			t.Errorf("plugin.yaml announces %s without title or tooltip", parameter.Name)
		}
	}
}

func TestEveryDependencyHasItsReason(t *testing.T) {
	imports := goList(t, "-tags", "e2e", "-f", `{{range .Imports}}{{.}}{{"\n"}}{{end}}{{range .TestImports}}{{.}}{{"\n"}}{{end}}{{range .XTestImports}}{{.}}{{"\n"}}{{end}}`, "./...")
	imports = slices.DeleteFunc(imports, func(path string) bool {
		host, _, _ := strings.Cut(path, "/")
		return !strings.Contains(host, ".") || strings.HasPrefix(path, "github.com/tidegate/")
	})
	modules := goList(t, append([]string{"-f", "{{.Module.Path}}"}, imports...)...)
	document := read(t, "docs/dependencies.md")
	for _, module := range modules {
		if !strings.Contains(document, "| `"+module+"` |") {
			t.Errorf("docs/dependencies.md gives no reason for %s", module)
		}
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	for _, match := range row.FindAllStringSubmatch(document, -1) {
		if !slices.Contains(modules, match[1]) {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", match[1])
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	list := exec.Command("go", append([]string{"list"}, args...)...)
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %v", list, err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}
