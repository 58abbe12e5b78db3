package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheRepositoryIsFoundAroundAFolder(t *testing.T) {
	temp, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{
		"repo/.git", "repo/services/a/overlays/staging", "marked/services/a",
		"_cmp_server/4b1c/services/a/overlays/staging", "_cmp_server/9f2e/overlays/staging", "_cmp_server/77aa",
		"_cmp_server/5d5d/.git", "_cmp_server/5d5d/_cmp_server/x/services/a",
	} {
		if err := os.MkdirAll(filepath.Join(temp, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(temp, "marked/tidegate.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, dir, root, sourcePath string
		wantDir                     string
	}{
		{"a Git repository", "repo/services/a/overlays/staging", "", "", "services/a/overlays/staging"},
		{"a marked folder", "marked/services/a", "", "", "services/a"},
		{"a root that is given", "repo/services/a/overlays/staging", "repo/services", "", "a/overlays/staging"},
		{"all of it sent by Argo CD", "_cmp_server/4b1c/services/a/overlays/staging", "", "services/a/overlays/staging", "services/a/overlays/staging"},
		{"a part sent by Argo CD", "_cmp_server/9f2e/overlays/staging", "", "./services/a/overlays/staging/", "services/a/overlays/staging"},
		{"nothing but the folder sent", "_cmp_server/77aa", "", "services/a", "services/a"},
		{"the root of a repository sent", "_cmp_server/77aa", "", ".", "."},
		{"a repository with a folder of Argo CD's name", "_cmp_server/5d5d/_cmp_server/x/services/a", "", "_cmp_server/x/services/a", "_cmp_server/x/services/a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("ARGOCD_CMP_WORKDIR", temp)
			t.Setenv("ARGOCD_APP_SOURCE_PATH", test.sourcePath)
			root := test.root
			if root != "" {
				root = filepath.Join(temp, root)
			}
			found, err := open(filepath.Join(temp, test.dir), root)
			if err != nil {
				t.Fatal(err)
			}
			defer found.close()
			if found.dir != test.wantDir {
				t.Errorf("dir is %s, want %s", found.dir, test.wantDir)
			}
			info, err := found.tree.Lstat(found.dir)
			if err != nil || !info.IsDir() {
				t.Errorf("the folder is not in its tree: %v", err)
			}
		})
	}
}

func TestAFolderOutsideTheRootIsRefused(t *testing.T) {
	_, err := open(t.TempDir(), t.TempDir())
	if err == nil {
		t.Fatal("opened")
	}
	if code := exitCode(err); code != ExitUsage {
		t.Errorf("exit code %d for %v", code, err)
	}
}

func TestOutsideOfARepositoryMessagesNamePathsThatCanBeFollowed(t *testing.T) {
	temp, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(temp, "services/a")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, here, want string }{
		{"below the working directory", temp, "services/a/kustomization.yaml:1"},
		{"elsewhere", t.TempDir(), dir + "/kustomization.yaml:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(test.here)
			found, err := open(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			defer found.close()
			if got := found.show(found.dir + "/kustomization.yaml:1"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
