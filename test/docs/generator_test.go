package docs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/generator/server"
)

// TestTheCommandsOfTheGeneratorsPageWork runs each where the page says: in the example. The server, which does not end, is
// asked for its help with the same flags.
func TestTheCommandsOfTheGeneratorsPageWork(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tidegate")
	build := exec.Command("go", "build", "-o", binary, "./cmd/tidegate")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commands := regexp.MustCompile(`(?m)^tidegate ([^#\n]+)`).FindAllStringSubmatch(read(t, "docs/generator.md"), -1)
	if len(commands) < 4 {
		t.Fatalf("%d commands", len(commands))
	}
	for _, match := range commands {
		args := strings.Fields(match[1])
		if args[0] == "generator" {
			args = append(args, "--help")
		}
		command := exec.Command(binary, args...)
		command.Dir = filepath.Join(root, "examples/gitops-platform")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("tidegate %s: %v\n%s", match[1], err, out)
		}
	}
}

type oneSet struct{}

func (oneSet) Answer(context.Context, generator.Request) (*generator.Answer, error) {
	return &generator.Answer{Sets: make([]params.Set, 1)}, nil
}

func TestEveryMetricOfTheGeneratorIsDocumented(t *testing.T) {
	s := server.New(server.Options{Answerer: oneSet{}, Token: server.FixedToken("t")})
	request := httptest.NewRequest(http.MethodPost, server.Path, strings.NewReader("{}"))
	request.Header.Set("Authorization", "Bearer t")
	request.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(httptest.NewRecorder(), request)
	metrics := httptest.NewRecorder()
	s.ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var served, documented []string
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (tidegate_\w+)`).FindAllStringSubmatch(metrics.Body.String(), -1) {
		served = append(served, match[1])
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `(tidegate_\\w+)`").FindAllStringSubmatch(read(t, "docs/generator.md"), -1) {
		documented = append(documented, match[1])
	}
	slices.Sort(served)
	slices.Sort(documented)
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("served and documented differ:\n%s", diff)
	}
}
