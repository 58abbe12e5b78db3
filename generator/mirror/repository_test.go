package mirror

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/generator/catalog"
)

// config is a small config repository: one service with two overlays, and a cluster.
var config = map[string]string{
	"tidegate.yaml": `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: p, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - {name: staging, clusterSelector: {}}
  - {name: production, clusterSelector: {}}
`,
	"services/api/base/kustomization.yaml":                "resources: [service.yaml]\n",
	"services/api/base/service.yaml":                      "apiVersion: v1\nkind: Service\nmetadata: {name: api}\n",
	"services/api/overlays/staging/kustomization.yaml":    "namespace: api-staging\nresources: [../../base]\n",
	"services/api/overlays/production/kustomization.yaml": "namespace: api-production\nresources: [../../base]\n",
	"clusters/east/cluster-config/kustomization.yaml":     "resources: []\n",
}

// upstream is the repository that is mirrored: a real one, made by git.
type upstream struct {
	t   testing.TB
	dir string
}

func newUpstream(t testing.TB, files map[string]string) *upstream {
	t.Helper()
	u := &upstream{t, filepath.Join(t.TempDir(), "upstream")}
	u.run("", "init", "--quiet", "--initial-branch=main", u.dir)
	if files != nil {
		u.commit(files)
	}
	return u
}

// run runs git as if nobody had configured it.
func (u *upstream) run(dir string, arguments ...string) string {
	u.t.Helper()
	command := exec.Command("git", arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "HOME=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := command.CombinedOutput()
	if err != nil {
		u.t.Fatalf("git %v: %v\n%s", arguments, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (u *upstream) git(arguments ...string) string {
	u.t.Helper()
	return u.run(u.dir, arguments...)
}

// commit writes files, removes those that are empty, and returns the commit.
func (u *upstream) commit(files map[string]string) string {
	u.t.Helper()
	for name, content := range files {
		file := filepath.Join(u.dir, name)
		if content == "" {
			if err := os.RemoveAll(file); err != nil {
				u.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			u.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			u.t.Fatal(err)
		}
	}
	u.git("add", "--all")
	u.git("commit", "--quiet", "--allow-empty", "--message", "change")
	return u.head()
}

func (u *upstream) head() string { u.t.Helper(); return u.git("rev-parse", "HEAD") }
func (u *upstream) url() string  { return "file://" + u.dir }

// options follow the repository from a folder of their own.
func (u *upstream) options() Options {
	return Options{URL: u.url(), Branch: "main", Dir: filepath.Join(u.t.TempDir(), "mirror")}
}

func open(t testing.TB, options Options) *Mirror {
	t.Helper()
	if options.Log == nil {
		options.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	m, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// served is the revision that the mirror serves; empty is none.
func served(m *Mirror) string {
	revision, err := m.Open(context.Background())
	if err != nil {
		return ""
	}
	return revision.ID
}

// updated fetches, and fails if there is a doubt.
func updated(t testing.TB, m *Mirror) *catalog.Revision {
	t.Helper()
	if err := m.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	revision, err := m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state := m.State(); state.Doubt != "" || state.Reason != "" || state.Revision != revision.ID || state.Contact.IsZero() || state.Committed.IsZero() {
		t.Fatalf("after a fetch that went well: %+v", state)
	}
	return revision
}

// doubted fetches, and fails unless the last good revision stays, for that reason, with these words.
func doubted(t testing.TB, m *Mirror, good string, reason Reason, words ...string) {
	t.Helper()
	err := m.Update(t.Context())
	state := m.State()
	if err == nil || state.Reason != reason || state.Revision != good || served(m) != good {
		t.Fatalf("%v: %+v, serving %s; want the doubt %s, serving %s", err, state, served(m), reason, good)
	}
	for _, word := range words {
		if !strings.Contains(state.Doubt, word) {
			t.Errorf("the doubt says nothing of %q: %s", word, state.Doubt)
		}
	}
}
