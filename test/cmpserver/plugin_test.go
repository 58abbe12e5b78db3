package cmpserver_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	childrender "github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/test/cmpserver"
)

const (
	root    = "../.."
	example = root + "/examples/gitops-platform"
)

// bin holds both binaries: what the image has in /usr/local/bin.
var bin string

func TestMain(m *testing.M) {
	if childrender.IsChild() {
		os.Exit(childrender.ServeChild())
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tidegate-bin")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	bin = dir
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/tidegate", "./cmd/tidegate-plugin")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	return m.Run(), nil
}

// serve starts a plugin server with the plugin.yaml that is shipped, and only our binaries on its PATH.
func serve(t *testing.T) *cmpserver.Server {
	t.Helper()
	server, err := cmpserver.Start(cmpserver.Options{ConfigDir: root, Path: bin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// serveNative starts the plugin's own server with the same plugin.yaml.
func serveNative(t *testing.T) *cmpserver.Server {
	t.Helper()
	server, err := cmpserver.StartNative(t.Context(), cmpserver.Options{ConfigDir: root, Path: bin, Log: t.Output()},
		"tidegate-plugin", "serve", "--http-address=")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// eachWay runs a test with each way to run the plugin: what a user sees is the same.
func eachWay(t *testing.T, test func(t *testing.T, server *cmpserver.Server)) {
	t.Run("exec", func(t *testing.T) { test(t, serve(t)) })
	t.Run("native", func(t *testing.T) { test(t, serveNative(t)) })
}

// render runs "tidegate render" and returns its objects, and what it wrote to stderr if it failed.
func render(t *testing.T, repo string, args ...string) ([]string, error) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "tidegate"), append([]string{"render"}, args...)...)
	cmd.Dir = repo
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if stdout.Len() > 0 {
			t.Errorf("a failed render printed %d bytes on stdout", stdout.Len())
		}
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	documents, err := cmpserver.Documents(stdout.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return documents, nil
}

// copyExample returns a copy of the example that a test may change, with the given files added.
func copyExample(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	// Where the repository ends: above it nothing is read, and messages name paths below it.
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		write(t, dir, name, content)
	}
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestArgoCDGetsWhatRenderPrints(t *testing.T) {
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		overlays, err := filepath.Glob(example + "/services/*/overlays/*")
		if err != nil || len(overlays) == 0 {
			t.Fatalf("no overlays in the example: %v", err)
		}
		for _, dir := range overlays {
			path, err := filepath.Rel(example, dir)
			if err != nil {
				t.Fatal(err)
			}
			service := strings.Join(strings.Split(path, "/")[:2], "/")
			want, err := render(t, example, path)
			if err != nil {
				t.Fatal(err)
			}
			for _, sent := range []struct{ name, generatePaths string }{
				{"whole repository sent", ""},
				{"only the service sent", "/" + service},
			} {
				t.Run(path+"/"+sent.name, func(t *testing.T) {
					got, err := server.Manifests(t.Context(), example, cmpserver.Application{
						Name:          strings.ReplaceAll(path, "/", "-"),
						Namespace:     "payments-" + filepath.Base(path),
						Path:          path,
						GeneratePaths: sent.generatePaths,
					})
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("Argo CD got something else than tidegate render prints (-render +Argo CD):\n%s", diff)
					}
				})
			}
		}
	})
}

func application(path string) cmpserver.Application {
	return cmpserver.Application{Name: "payments-api-staging", Namespace: "payments-staging", Path: path}
}
