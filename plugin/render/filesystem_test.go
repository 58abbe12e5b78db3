package render_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/tidegate/tidegate/plugin/render"
)

func TestLinksInsideTheTreeAreFollowed(t *testing.T) {
	tree := files(map[string]string{
		"o/kustomization.yaml":    "-> ../shared/k.yaml",
		"o/a.yaml":                "-> real/b.yaml",
		"o/real/b.yaml":           configMap,
		"shared/k.yaml":           "resources: [never.yaml]\n", // not below o: kustomize refuses it
		"p/kustomization.yaml":    "-> k.yaml",
		"p/k.yaml":                "resources: [a.yaml, base]\nnamePrefix: p-\n",
		"p/a.yaml":                "-> real/b.yaml",
		"p/real/b.yaml":           configMap,
		"p/base":                  "-> ../base-link",
		"base-link":               "-> base/",
		"base/kustomization.yaml": "resources: [./deep/../d.yaml]\n",
		"base/deep/x":             "",
		"base/d.yaml":             deployment,
		"link":                    "-> p",
		"chain":                   "-> ./link/../link",
	})
	want := mustBuild(t, tree, "p")
	if !strings.Contains(want, "name: p-settings") || !strings.Contains(want, "name: p-api") {
		t.Fatalf("got\n%s", want)
	}
	wantEqual(t, mustBuild(t, tree, "link"), want)
	wantEqual(t, mustBuild(t, tree, "chain"), want)
	wantEqual(t, mustFail(t, tree, "o"), "o/kustomization.yaml is a link to shared/k.yaml; "+
		"kustomize reads files only from the kustomization's own folder and below it")
}

func TestAKustomizationThatIsALinkIsGuardedLikeAnyOther(t *testing.T) {
	linked := func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": "-> k.yaml", "k.yaml": text, "a.yaml": deployment, "s.json": "{}", "image-tag.yaml": imageTag}
	}
	wantRefusals(t, []refusal{
		{"git", linked("resources:\n- https://github.com/org/repo//base\n"), "",
			"k.yaml:2: resources: https://github.com/org/repo//base is remote, and Tidegate fetches nothing; copy it into the repository"},
		{"Helm", linked("helmCharts:\n- name: x\n"), "",
			"k.yaml:2: helmCharts: Tidegate does not inflate Helm charts; commit what `helm template x` prints, or give the chart an Application of its own"},
	})
	want := strings.Replace(deployment, "latest", "sha-a1b2c3d", 1)
	wantEqual(t, mustBuild(t, files(linked("resources: [a.yaml]\ncomponents: [image-tag.yaml]\n")), "."), want)
	mustBuild(t, files(linked("resources: [a.yaml]\nopenapi: {path: s.json}\n")), ".")
	wantEqual(t, mustBuild(t, files(sidecarPatch), "."), sidecarPatched)
}

func TestLinksThatLeadNowhereAreNamed(t *testing.T) {
	tree := func(more ...string) map[string]string {
		content := map[string]string{"o/kustomization.yaml": "resources:\n- a.yaml\n"}
		for i := 0; i < len(more); i += 2 {
			content[more[i]] = more[i+1]
		}
		return content
	}
	wantRefusals(t, []refusal{
		{"out of the tree", tree("o/a.yaml", "-> ../../secret.yaml"), "o", "o/a.yaml is a symbolic link to ../../secret.yaml, outside the repository"},
		{"absolute", tree("o/a.yaml", "-> /etc/passwd"), "o", "o/a.yaml is a symbolic link to /etc/passwd, outside the repository"},
		{"out of the tree and back", tree("o/a.yaml", "-> ../../repository/o/b.yaml", "o/b.yaml", configMap), "o", "o/a.yaml is a symbolic link to ../../repository/o/b.yaml, outside the repository"},
		{"folder out of the tree", tree("o/a.yaml", "-> d/x", "o/d", "-> ../.."), "o", "o/d is a symbolic link to ../.., outside the repository"},
		{"itself", tree("o/a.yaml", "-> a.yaml"), "o", "o/a.yaml: too many symbolic links; do they form a loop?"},
		{"two in a circle", tree("o/a.yaml", "-> b", "o/b", "-> ./a.yaml"), "o", "o/a.yaml: too many symbolic links; do they form a loop?"},
		{"folder in itself", tree("o/a.yaml", "-> d/x", "o/d", "-> d/d"), "o", "o/a.yaml: too many symbolic links; do they form a loop?"},
		{"to nothing", tree("o/a.yaml", "-> b.yaml"), "o", "o/kustomization.yaml:2: resources: a.yaml: no such file or folder"},
		{"through nothing", tree("o/a.yaml", "-> x/../b.yaml", "o/b.yaml", configMap), "o", "o/kustomization.yaml:2: resources: a.yaml: no such file or folder"},
		{"through a file", tree("o/a.yaml", "-> b.yaml/../b.yaml", "o/b.yaml", configMap), "o", "o/kustomization.yaml:2: resources: a.yaml: a file stands where the path goes on as if it were a folder"},
		{"kustomization out of the tree", map[string]string{"o/kustomization.yaml": "-> ../../k.yaml", "o/kustomization.yml": "resources: []"}, "o", "o/kustomization.yaml is a symbolic link to ../../k.yaml, outside the repository"},
		{"base out of the tree", map[string]string{"o/kustomization.yaml": "resources: [b]", "o/b": "-> ../../b"}, "o", "o/b is a symbolic link to ../../b, outside the repository"},
		{"component out of the tree", map[string]string{"o/kustomization.yaml": "components: [c.yaml]", "o/c.yaml": "-> ../../c.yaml"}, "o", "o/c.yaml is a symbolic link to ../../c.yaml, outside the repository"},
	})
}

func TestLinksAsArgoCDUnpacksThemAreFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"o/kustomization.yaml": "resources: [a.yaml, ../base]\n", "real/a.yaml": configMap, "o/below/a.yaml": configMap,
		"bases/x/kustomization.yaml": "resources: [d.yaml]\n", "bases/x/d.yaml": deployment,
	})
	link(t, filepath.Join(dir, "o/below/a.yaml"), filepath.Join(dir, "o/a.yaml"))
	link(t, filepath.Join(dir, "bases/x"), filepath.Join(dir, "base"))
	tree := disk(t, dir)
	want := configMap + "---\n" + deployment
	wantEqual(t, mustBuild(t, tree, "o"), want)
	wantEqual(t, mustBuild(t, render.Mount(tree, "services/a"), "services/a/o"), want)
	link(t, filepath.Join(dir, "..", "elsewhere"), filepath.Join(dir, "o/out.yaml"))
	write(t, dir, map[string]string{"o/kustomization.yaml": "resources: [out.yaml]\n"})
	if got := mustFail(t, tree, "o"); !strings.HasPrefix(got, "o/out.yaml is a symbolic link to /") || !strings.HasSuffix(got, "elsewhere, outside the repository") {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	for name, kustomization := range map[string]string{
		"resource": "resources: [pipe]\n", "patch": "patches: [{path: pipe}]\n", "generator": "configMapGenerator: [{name: a, files: [pipe]}]\n",
		"component": "components: [pipe]\n", "kustomization": "",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"kustomization.yaml": kustomization})
			pipe := "pipe"
			if kustomization == "" {
				pipe = "kustomization.yaml"
				if err := os.Remove(filepath.Join(dir, pipe)); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
				t.Skip(err)
			}
			wantEqual(t, mustFail(t, disk(t, dir), "."), pipe+" is not a regular file")
		})
	}
}

func TestFilesMayHaveOddNames(t *testing.T) {
	for _, name := range []string{"a b.yaml", "ü.yaml", "it's.yaml", `a"b.yaml`, "a\\b.yaml", "@component", "user@host.yaml", "-.yaml", "a..yaml", "...", "~", "%41.yaml", "a:b.yaml", "a?b=c&d", "a*.yaml", "日本.yaml"} {
		t.Run(name, func(t *testing.T) {
			quoted := "'" + strings.ReplaceAll(name, "'", "''") + "'"
			dir := t.TempDir()
			write(t, dir, map[string]string{
				"kustomization.yaml": "resources: [" + quoted + ", f]\n", name: configMap, "f/kustomization.yaml": "resources: [" + quoted + "]\n", "f/" + name: deployment,
			})
			wantEqual(t, mustBuild(t, disk(t, dir), "."), configMap+"---\n"+deployment)
		})
	}
}

func TestAPartOfARepositoryHasTheRepositorysPaths(t *testing.T) {
	content := map[string]string{
		"overlays/staging/kustomization.yaml": "resources: [../../base]\ncomponents: [image-tag.yaml]\n", "overlays/staging/image-tag.yaml": imageTag,
		"base/kustomization.yaml": "resources: [d.yaml]\n", "base/d.yaml": deployment,
	}
	tree := render.Mount(files(content), "services/api")
	wantEqual(t, mustBuild(t, tree, "services/api/overlays/staging"), strings.Replace(deployment, "latest", "sha-a1b2c3d", 1))
	const notSent = ": no such file in what Argo CD sent, which is services/api; name what else is needed in the Application's annotation argocd.argoproj.io/manifest-generate-paths"
	for listed, want := range map[string]string{
		"../../../shared/c":   "services/api/overlays/staging/kustomization.yaml:2: resources: ../../../shared/c" + notSent,
		"../../../api2/c":     "services/api/overlays/staging/kustomization.yaml:2: resources: ../../../api2/c" + notSent,
		"../../../../../../x": "services/api/overlays/staging/kustomization.yaml:2: resources: ../../../../../../x is outside the repository",
	} {
		content["overlays/staging/kustomization.yaml"] = "resources:\n- " + listed + "\n"
		wantEqual(t, mustFail(t, render.Mount(files(content), "services/api"), "services/api/overlays/staging"), want)
	}
	wantEqual(t, mustFail(t, tree, "services/web"), "services/web"+notSent)
}

// broken is a tree in which one file cannot be read.
type broken struct {
	memory
	op, name string
	err      error
}

func (b broken) fail(op, name string) error {
	if op == b.op && name == b.name {
		return &fs.PathError{Op: op, Path: name, Err: b.err}
	}
	return nil
}

func (b broken) Lstat(name string) (fs.FileInfo, error) {
	if err := b.fail("lstat", name); err != nil {
		return nil, err
	}
	return b.memory.Lstat(name)
}

func (b broken) ReadFile(name string) ([]byte, error) {
	if err := b.fail("read", name); err != nil {
		return nil, err
	}
	return b.memory.ReadFile(name)
}

func (b broken) ReadLink(name string) (string, error) {
	if err := b.fail("readlink", name); err != nil {
		return "", err
	}
	return b.memory.ReadLink(name)
}

// TestAnUnreadableFileIsNeverPassedOver: kustomize would take the other kustomization, or the file for a folder.
func TestAnUnreadableFileIsNeverPassedOver(t *testing.T) {
	tree := files(map[string]string{
		"kustomization.yaml": "resources: [a.yaml, b, l.yaml]\n", "kustomization.yml": "resources: []\n", "Kustomization": "namePrefix: x",
		"a.yaml": configMap, "b/kustomization.yaml": "resources: [d.yaml]\n", "b/d.yaml": deployment, "l.yaml": "-> a.yaml",
	})
	for _, op := range []string{"lstat", "read", "readlink"} {
		for _, name := range []string{"kustomization.yaml", "a.yaml", "b", "b/kustomization.yaml", "b/d.yaml", "l.yaml"} {
			for _, failure := range []error{syscall.EACCES, syscall.EIO, fs.ErrPermission} {
				isLink := name == "l.yaml"
				if op == "readlink" && !isLink || op == "read" && (isLink || name == "b") {
					continue
				}
				one := tree
				if name == "kustomization.yaml" || op != "lstat" || name != "kustomization.yml" {
					one = memory{without(tree, "Kustomization", "kustomization.yml")}
				}
				if name == "kustomization.yaml" {
					one = memory{without(tree, "Kustomization")}
				}
				got := mustFail(t, broken{one, op, name, failure}, ".")
				wantEqual(t, got, op+" "+name+": "+failure.Error())
			}
		}
	}
}

func TestTheFolderMayBeNamedInAnyWay(t *testing.T) {
	tree := files(map[string]string{"a/b/kustomization.yaml": "resources: [a.yaml]\n", "a/b/a.yaml": configMap, "link": "-> a/b"})
	for _, dir := range []string{"a/b", "a/b/", "./a/b", "a/./b", "a/x/../b", "link"} {
		wantEqual(t, mustBuild(t, tree, dir), configMap)
	}
	// Overrides change the kustomization that is rendered, however its folder is named.
	for _, dir := range []string{"a/b", "link"} {
		result, err := render.New().Render(context.Background(), render.Request{Tree: tree, Dir: dir, Overrides: render.Overrides{NamePrefix: "x-"}})
		if err != nil || result.Objects[0].Name() != "x-settings" {
			t.Errorf("%s: %v, %v", dir, result, err)
		}
	}
}

func TestAPathThatCannotBeIsAnErrorAndNoCrash(t *testing.T) {
	tree := files(map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": configMap})
	wantEqual(t, mustFail(t, tree, "/"), "/ is outside the repository")
	wantEqual(t, mustFail(t, tree, "/a"), "/a is outside the repository")
	long := strings.Repeat("a/", 1<<22) + "a"
	tree = files(map[string]string{"kustomization.yaml": "resources:\n- " + long + "\n"})
	wantEqual(t, mustFail(t, tree, "."), "kustomization.yaml:2: resources: "+long+": no such file or folder")
}

func TestASmallFileIsReadThroughLinks(t *testing.T) {
	tree := files(map[string]string{"d/a": "x", "l": "-> d/a", "out": "-> ../x", "big": strings.Repeat("x", 2<<20)})
	if content, err := render.ReadFile(tree, "l"); err != nil || string(content) != "x" {
		t.Errorf("got %q, %v", content, err)
	}
	for _, name := range []string{"none", "d", "d/a/b"} {
		if _, err := render.ReadFile(tree, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, name := range []string{"out", "big", "../x"} {
		if _, err := render.ReadFile(tree, name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func without(tree memory, names ...string) fstest.MapFS {
	rest := fstest.MapFS{}
	for name, file := range tree.MapFS {
		rest[name] = file
	}
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func disk(t *testing.T, dir string) *render.Disk {
	t.Helper()
	tree, err := render.OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

func write(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}
