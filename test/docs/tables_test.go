package docs

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/incluster"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/server"
	"github.com/tidegate/tidegate/generator/supersede"
)

//go:generate go test -run TestTheTables -update .

var update = flag.Bool("update", false, "write the tables of docs/generator.md")

const page = "docs/generator.md"

// TestTheTablesAreThoseOfTheProgram: what an operator looks up of flags and metrics is what the program itself says of them.
func TestTheTablesAreThoseOfTheProgram(t *testing.T) {
	document := read(t, page)
	made := document
	for name, rows := range map[string][]string{"flags": flagRows(t), "metrics": metricRows(t)} {
		made = withTable(t, made, name, rows)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, page), []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(made, document); diff != "" {
		t.Errorf("%s is out of date: make generate (-want +got):\n%s", page, diff)
	}
}

// withTable is the document with other rows in a table, which ends with the first empty line after its marker.
func withTable(t *testing.T, document, name string, rows []string) string {
	t.Helper()
	marker := "<!-- " + name + ": made by make generate -->\n"
	before, rest, found := strings.Cut(document, marker)
	_, after, ends := strings.Cut(rest, "\n\n")
	if !found || !ends || !strings.HasPrefix(rest, "| ") {
		t.Fatalf("%s has no table after %s", page, marker)
	}
	return before + marker + strings.Join(rows, "\n") + "\n\n" + after
}

var flagLine = regexp.MustCompile(`^\s+--([a-z-]+)(?: [a-zA-Z]+)?\s{2,}(.*) \[\$(TIDEGATE_[A-Z_]+)\](?: \(default (.*)\))?$`)

// flagRows are the flags of the generator, as its help has them.
func flagRows(t *testing.T) []string {
	t.Helper()
	rows := []string{"| flag | variable | default | |", "|---|---|---|---|"}
	_, help, _ := strings.Cut(run(t, "generator", "--help"), "\nFlags:\n")
	for _, line := range strings.Split(help, "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "-h, ") {
			continue
		}
		match := flagLine.FindStringSubmatch(line)
		if match == nil {
			t.Fatalf("a flag without its variable: %q", line)
		}
		value := ""
		if match[4] != "" {
			value = "`" + strings.Trim(match[4], `"[]`) + "`"
		}
		rows = append(rows, fmt.Sprintf("| `--%s` | `%s` | %s | %s |", match[1], match[3], value, match[2]))
	}
	return rows
}

// metric is what a registry says of one.
type metric struct {
	name, help string
	labels     []string
}

var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "(.*)", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// metrics are all that a generator beside Argo CD has of its own.
func metrics(t *testing.T) []metric {
	t.Helper()
	generator, err := incluster.New(incluster.Options{
		// Nobody is asked anything.
		Config: &rest.Config{Host: "http://127.0.0.1:1"}, Namespace: "argocd", Identity: "documents", Policy: admission.DefaultPolicy(), Push: true,
		Supersede: &supersede.Policy{Grace: supersede.DefaultGrace}, Mirror: mirror.Options{URL: "https://git.example.com/platform", Dir: t.TempDir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := generator.Close(); err != nil {
			t.Error(err)
		}
	})
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		generator.Registry.Describe(descriptions)
	}()
	var out []metric
	for description := range descriptions {
		match := described.FindStringSubmatch(description.String())
		if match == nil {
			t.Fatalf("client_golang describes otherwise than it did: %s", description)
		}
		m := metric{name: match[1], help: match[2]}
		if match[4] != "" {
			m.labels = strings.Split(match[4], ",")
		}
		out = append(out, m)
	}
	out = append(out, ofTheServer(t)...)
	slices.SortFunc(out, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return out
}

// ofTheServer are those that the server has of its own. It has none before its first answer.
func ofTheServer(t *testing.T) []metric {
	t.Helper()
	s := server.New(server.Options{Answerer: oneSet{}, Token: server.FixedToken("t")})
	request := httptest.NewRequest(http.MethodPost, server.Path, strings.NewReader(`{"applicationSetName":"services"}`))
	request.Header.Set("Authorization", "Bearer t")
	request.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(httptest.NewRecorder(), request)
	served := httptest.NewRecorder()
	s.ServeHTTP(served, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := served.Body.String()
	var out []metric
	for _, match := range regexp.MustCompile(`(?m)^# HELP (tidegate_\w+) (.*)$`).FindAllStringSubmatch(text, -1) {
		m := metric{name: match[1], help: match[2]}
		sample := regexp.MustCompile(`(?m)^` + m.name + `\{([^}]*)\}`).FindStringSubmatch(text)
		if sample != nil {
			for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(sample[1], -1) {
				m.labels = append(m.labels, label[1])
			}
		}
		out = append(out, m)
	}
	if len(out) < 8 {
		t.Fatalf("the server has %d metrics:\n%s", len(out), text)
	}
	return out
}

func metricRows(t *testing.T) []string {
	t.Helper()
	rows := []string{"| metric | labels | |", "|---|---|---|"}
	for _, m := range metrics(t) {
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", m.name, labels, m.help))
	}
	return rows
}
