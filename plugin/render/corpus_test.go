package render_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPublicKustomizationsAreKustomizes builds the kustomizations that lie in the modules this one depends on, on disk,
// with kustomize itself and with Tidegate. What kustomize builds, Tidegate must build, byte for byte.
func TestPublicKustomizationsAreKustomizes(t *testing.T) {
	built, found := 0, 0
	for _, module := range []string{"github.com/argoproj/argo-cd/v2", "github.com/argoproj/gitops-engine", "sigs.k8s.io/kustomize/api"} {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Logf("%s: %v", module, err)
			continue
		}
		root := strings.TrimSpace(string(out))
		folders := kustomizations(t, root)
		found += len(folders)
		var trees []tree
		for _, dir := range folders {
			trees = append(trees, tree{Name: dir, Dir: filepath.Join(root, dir), OnDisk: true})
		}
		disk := disk(t, root)
		for i, want := range runStock(t, trees) {
			t.Run(filepath.Base(root)+"/"+folders[i], func(t *testing.T) {
				got, err := build(t, disk, folders[i])
				switch {
				case want.Err != "":
					t.Logf("kustomize: %s; Tidegate: %v", want.Err, err)
					return
				case err != nil:
					t.Errorf("kustomize builds this, Tidegate does not: %v", err)
				default:
					wantEqual(t, got, want.Stream)
				}
				built++
			})
		}
	}
	t.Logf("%d kustomizations, of which kustomize builds %d", found, built)
	if built < 20 {
		t.Errorf("only %d were compared", built)
	}
}

// kustomizations lists the folders below root that can be built here: nothing remote, no Helm, no schema of their own.
func kustomizations(t *testing.T, root string) []string {
	t.Helper()
	var folders []string
	err := filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, entry.Name()) {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if unsafeHere(tree{Files: map[string]string{name: string(text)}}) || strings.Contains(string(text), "openapi") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		folders = append(folders, dir)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}
