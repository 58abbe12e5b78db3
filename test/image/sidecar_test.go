package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// patched applies the example's patch to the Deployment that Argo CD ships.
func patched(t *testing.T) appsv1.Deployment {
	t.Helper()
	argocd, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := filesys.MakeFsInMemory()
	for name, source := range map[string]string{
		"deployment.yaml": filepath.Join(strings.TrimSpace(string(argocd)), "manifests/base/repo-server/argocd-repo-server-deployment.yaml"),
		"patch.yaml":      filepath.Join(root, "examples/argocd/repo-server.yaml"),
	} {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := files.WriteFile(name, content); err != nil {
			t.Fatal(err)
		}
	}
	kustomization := "resources: [deployment.yaml]\npatches: [{path: patch.yaml}]\n"
	if err := files.WriteFile("kustomization.yaml", []byte(kustomization)); err != nil {
		t.Fatal(err)
	}
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict(stream, &deployment); err != nil {
		t.Fatal(err)
	}
	return deployment
}

func TestSidecarFitsArgoCDsOwnRepoServer(t *testing.T) {
	pod := patched(t).Spec.Template.Spec
	containers := map[string]corev1.Container{}
	for _, container := range pod.Containers {
		containers[container.Name] = container
	}
	if len(containers) != 2 {
		t.Fatalf("got containers %v, want Argo CD's and Tidegate's", containers)
	}
	sidecar, repoServer := containers["tidegate"], containers["argocd-repo-server"]
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	mounted := map[string]string{}
	for _, mount := range sidecar.VolumeMounts {
		mounted[mount.MountPath] = mount.Name
		if !volumes[mount.Name] {
			t.Errorf("the volume %s of %s does not exist", mount.Name, mount.MountPath)
		}
	}
	for _, mount := range repoServer.VolumeMounts {
		switch mount.MountPath {
		case "/home/argocd/cmp-server/plugins":
			if mounted[mount.MountPath] != mount.Name {
				t.Errorf("repo-server looks for sockets in the volume %s, the sidecar has %s there", mount.Name, mounted[mount.MountPath])
			}
		case "/tmp":
			if mounted[mount.MountPath] == mount.Name {
				t.Error("the sidecar shares repo-server's /tmp")
			}
		}
	}
	server := pod.InitContainers[0].Command[len(pod.InitContainers[0].Command)-1]
	if len(sidecar.Command) != 1 || sidecar.Command[0] != server {
		t.Errorf("the sidecar runs %v, repo-server's init container copies the plugin server to %s", sidecar.Command, server)
	}
	if mounted[filepath.Dir(server)] == "" {
		t.Errorf("the sidecar mounts nothing at %s", filepath.Dir(server))
	}
}
