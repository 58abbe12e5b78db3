package incluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/generator/mirror"
)

func TestOnlyWhatIsMirroredHasANewestRevision(t *testing.T) {
	dir := t.TempDir()
	repository := filepath.Join(dir, "platform.git")
	git := func(args ...string) {
		t.Helper()
		command := exec.Command("git", args...)
		command.Dir = repository
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, output)
		}
	}
	if err := os.MkdirAll(filepath.Join(repository, "services/api/overlays/staging"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"tidegate.yaml": "apiVersion: tidegate.dev/v1alpha1\nkind: Platform\nenvironments: []\n", "services/api/overlays/staging/kustomization.yaml": "resources: []\n",
	} {
		if err := os.WriteFile(filepath.Join(repository, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet", "--initial-branch=main")
	git("add", "--all")
	git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "first")
	url := "file://" + repository
	for _, test := range []struct {
		name, branch, asked, revision string
		known                         bool
	}{
		{"its branch", "main", url, "main", true},
		{"written otherwise", "main", strings.TrimSuffix(url, ".git"), "main", true},
		{"another branch", "main", url, "release", false},
		{"the repository's own branch, by its name", "main", url, "HEAD", false},
		{"the repository's own branch", "", url, "HEAD", true},
		{"no revision is the repository's own branch", "", url, "", true},
		{"another repository", "main", "https://example.com/other", "main", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := mirror.Open(mirror.Options{URL: url, Branch: test.branch, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := m.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			newest := (&followed{Mirror: m, log: slog.New(slog.NewTextHandler(&log, nil))}).Newest(test.asked, test.revision)
			if told := strings.Contains(log.String(), "follow what is not mirrored"); (newest != "") != test.known || told == test.known {
				t.Errorf("%q, %s", newest, &log)
			}
			if test.known && newest != m.State().Revision {
				t.Errorf("%s, not %s", newest, m.State().Revision)
			}
		})
	}
}

func TestATaskThatFailsEndsTheOthers(t *testing.T) {
	broken := errors.New("broken")
	err := together(t.Context(), []func(context.Context) error{
		func(ctx context.Context) error { <-ctx.Done(); return nil },
		func(context.Context) error { return broken },
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}
