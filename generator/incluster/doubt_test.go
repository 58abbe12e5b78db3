package incluster

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/server"
)

// lines are a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(line)
}

// find waits for the line with a message.
func (l *lines) find(t *testing.T, message string) map[string]any {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		text := l.all.String()
		l.mu.Unlock()
		for line := range strings.Lines(text) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if fields["msg"] == message {
				return fields
			}
		}
	}
	t.Fatalf("no line says %q", message)
	return nil
}

// configRepository is a small one that Git has made.
func configRepository(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "platform")
	for name, content := range map[string]string{
		"tidegate.yaml": "apiVersion: tidegate.dev/v1alpha1\nkind: Platform\nenvironments: []\n", "services/api/overlays/staging/kustomization.yaml": "resources: []\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "first"}} {
		command := exec.Command("git", args...)
		command.Dir, command.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, output)
		}
	}
	return dir
}

// answered is a generator that has answered: how ready it is does not depend on that any more.
type answered struct{}

func (answered) Answer(context.Context, generator.Request) (*generator.Answer, error) {
	return &generator.Answer{Body: []byte("{}")}, nil
}

// An outage is seen by nobody, if this fails: answers go on as before it.
func TestADoubtIsToldByMetricsReadinessAndLog(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/secrets") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"SecretList","apiVersion":"v1","items":[]}`))
	}))
	defer api.Close()
	dir, log := configRepository(t), &lines{}
	g, err := New(Options{
		Config: &rest.Config{Host: api.URL}, Namespace: "argocd", Identity: "first", Log: slog.New(slog.NewJSONHandler(log, nil)),
		Mirror: mirror.Options{URL: "file://" + dir, Branch: "main", Dir: t.TempDir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	gauge := func() float64 {
		t.Helper()
		families, err := g.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.Metric {
				if family.GetName() == "tidegate_generator_source_in_doubt" && metric.Label[0].GetValue() == "repository" {
					return metric.Gauge.GetValue()
				}
			}
		}
		t.Fatal("no metric tells of the repository")
		return 0
	}
	token := server.TokenFile(filepath.Join(t.TempDir(), "token"))
	if err := os.WriteFile(string(token), []byte("0123456789012345678901234567890123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	readiness := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		server.New(server.Options{Answerer: answered{}, Token: token, Doubts: g.Doubts}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Body.String()
	}
	const outage = "the repository cannot be read, and is served as it was at"
	if err := g.mirror.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gauge() != 0 || strings.Contains(readiness(), outage) {
		t.Errorf("%v, %s", gauge(), readiness())
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := g.mirror.Update(t.Context()); err == nil {
		t.Fatal("a repository that is not there is read")
	}
	if text := readiness(); gauge() != 1 || !strings.Contains(text, outage) {
		t.Errorf("%v, %s", gauge(), text)
	}
	line := log.find(t, "the repository is in doubt; the last good revision stays")
	doubt, _ := line["doubt"].(string)
	if line["level"] != "WARN" || line["reason"] != "outage" || !strings.Contains(doubt, outage) || line["revision"] != g.mirror.State().Revision {
		t.Errorf("%v", line)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if err := g.mirror.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log.find(t, "the repository is no longer in doubt"); gauge() != 0 {
		t.Error("a doubt that has ended is told")
	}
}

// What is held is told to nobody, and why is told to nobody, if this fails.
func TestAnEventThatMayNotBeWrittenIsInTheLogWithTheWayOut(t *testing.T) {
	defer klog.CaptureState().Restore()
	log := &lines{}
	klog.SetSlogLogger(slog.New(slog.NewJSONHandler(log, nil)))
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"events is forbidden: cannot create resource \"events\""}`))
	}))
	defer api.Close()
	g, err := New(Options{Config: &rest.Config{Host: api.URL}, Namespace: "argocd", Identity: "first", Log: slog.New(slog.DiscardHandler),
		Mirror: mirror.Options{URL: "file://" + configRepository(t), Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	g.recordEvents()
	about := &corev1.ObjectReference{Kind: "ApplicationSet", Namespace: "argocd", Name: "tidegate-services"}
	newRecorder(g.events).Event(about, corev1.EventTypeWarning, "RemovalHeld", "1 held")
	line := log.find(t, "Server rejected event (will not retry!)")
	if text, _ := line["err"].(string); !strings.Contains(text, `cannot create resource "events"`) || !strings.Contains(text, "manifests/generator-rbac.yaml") {
		t.Errorf("%v", line)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// What has not been read yet would look as if it did not exist.
func TestNothingIsExplainedBeforeApplicationSetsHaveBeenRead(t *testing.T) {
	g, err := New(Options{Config: &rest.Config{Host: "http://127.0.0.1:1"}, Namespace: "argocd", Identity: "first", Log: slog.New(slog.DiscardHandler),
		Mirror: mirror.Options{URL: "file://" + configRepository(t), Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for _, application := range []string{"", "api-staging"} {
		if _, err := g.Why(t.Context(), application); err == nil || !strings.Contains(err.Error(), "ApplicationSets in the namespace argocd have not been read yet") {
			t.Errorf("of %q: %v", application, err)
		}
	}
}

func TestTheGuardHasAsLongAsAnAnswerMayTake(t *testing.T) {
	g, err := New(Options{Config: &rest.Config{Host: "http://127.0.0.1:1"}, Namespace: "argocd", Identity: "first", Log: slog.New(slog.DiscardHandler),
		AnswerTime: time.Hour, Mirror: mirror.Options{URL: "file://" + configRepository(t), Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.Guard.Time != time.Hour {
		t.Errorf("it has %s", g.Guard.Time)
	}
}
