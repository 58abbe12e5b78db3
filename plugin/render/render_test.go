package render_test

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	if os.Getenv(stockVariable) != "" {
		if err := serveStock(); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	render.Lockdown()
	os.Exit(m.Run())
}

// memory is a Tree of files written down in a test.
type memory struct{ fstest.MapFS }

func files(content map[string]string) memory {
	tree := memory{fstest.MapFS{}}
	for name, text := range content {
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			tree.MapFS[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
			continue
		}
		tree.MapFS[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func build(t *testing.T, tree render.Tree, dir string) (string, error) {
	t.Helper()
	result, err := render.New().Render(context.Background(), render.Request{Tree: tree, Dir: dir})
	if err != nil {
		return "", err
	}
	stream, err := manifest.YAML(result.Objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(stream), nil
}

func mustBuild(t *testing.T, tree render.Tree, dir string) string {
	t.Helper()
	stream, err := build(t, tree, dir)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// mustFail returns the error of a build, which must be one for people: nothing of how kustomize is shown the tree, and
// nothing that only asks for another process.
func mustFail(t *testing.T, tree render.Tree, dir string) string {
	t.Helper()
	stream, err := build(t, tree, dir)
	if err == nil {
		t.Fatalf("it was rendered:\n%s", stream)
	}
	wantPresentable(t, err)
	return err.Error()
}

func wantPresentable(t *testing.T, err error) {
	t.Helper()
	for _, inner := range []string{"@component", "@repository", "unboundedError"} {
		if strings.Contains(err.Error(), inner) {
			t.Errorf("the error shows %s, which no user knows: %v", inner, err)
		}
	}
}

// refusal is a tree and the error that it must give.
type refusal struct {
	name  string
	files map[string]string
	dir   string // the root, if empty
	want  string
}

func wantRefusals(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			dir := test.dir
			if dir == "" {
				dir = "."
			}
			wantEqual(t, mustFail(t, files(test.files), dir), test.want)
		})
	}
}

func wantEqual(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
