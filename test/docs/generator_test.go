package docs

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// binary builds tidegate, once.
var binary = sync.OnceValues(func() (string, error) {
	build := exec.Command("go", "build", "-o", "bin/docs/", "./cmd/tidegate")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	return filepath.Abs(filepath.Join(root, "bin", "docs", "tidegate"))
})

// run runs tidegate in the example, where the documents say that their commands run, and returns what it prints.
func run(t *testing.T, args ...string) string {
	t.Helper()
	tidegate, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(tidegate, args...)
	command.Dir = filepath.Join(root, "examples/gitops-platform")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("tidegate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestTheCommandsOfTheDocumentsWork runs each in the example. The server, which does not end, and what asks one in a
// cluster are asked for their help with the same flags; test/e2e runs those.
func TestTheCommandsOfTheDocumentsWork(t *testing.T) {
	for document, least := range map[string]int{page: 6, "README.md": 5} {
		commands := regexp.MustCompile(`(?m)^tidegate ([^#>\n]+)`).FindAllStringSubmatch(read(t, document), -1)
		if len(commands) < least {
			t.Errorf("%s has %d commands", document, len(commands))
		}
		for _, match := range commands {
			args := strings.Fields(match[1])
			if args[0] == "generator" || slices.Contains(args, "--server") {
				args = append(args, "--help")
			}
			run(t, args...)
		}
	}
}

// TestMakeHasTheTargetsOfTheDocuments: CI runs them all but the playground, which does not end.
func TestMakeHasTheTargetsOfTheDocuments(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, document := range []string{page, "README.md", "docs/architecture.md"} {
		for _, match := range regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)").FindAllStringSubmatch(read(t, document), -1) {
			if !regexp.MustCompile(`(?m)^` + match[1] + `:`).MatchString(makefile) {
				t.Errorf("%s tells of make %s, which there is not", document, match[1])
			}
		}
	}
}

// TestTheGeneratorTakesTheArgumentsThatItIsInstalledWith: a Pod with another one does not start.
func TestTheGeneratorTakesTheArgumentsThatItIsInstalledWith(t *testing.T) {
	container := installed(t).Spec.Template.Spec.Containers[0]
	run(t, append(append(container.Command[1:], container.Args...), "--help")...)
}

// installed is the generator's Deployment.
func installed(t *testing.T) (deployment appsv1.Deployment) {
	t.Helper()
	first, _, _ := strings.Cut(read(t, "manifests/generator.yaml"), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(first), &deployment); err != nil {
		t.Fatal(err)
	}
	return deployment
}

type oneSet struct{}

func (oneSet) Answer(context.Context, generator.Request) (*generator.Answer, error) {
	return &generator.Answer{Sets: make([]params.Set, 1)}, nil
}
