package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// patched applies one of the example's patches to the Deployment that Argo CD ships.
func patched(t *testing.T, patch string) appsv1.Deployment {
	t.Helper()
	argocd, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := filesys.MakeFsInMemory()
	for name, source := range map[string]string{
		"deployment.yaml": filepath.Join(strings.TrimSpace(string(argocd)), "manifests/base/repo-server/argocd-repo-server-deployment.yaml"),
		"patch.yaml":      filepath.Join(root, "examples/argocd", patch),
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
	sidecar, _ := sidecarOf(t, "repo-server.yaml")
	if len(sidecar.Command) > 0 {
		t.Errorf("the sidecar runs %v, not what the image runs", sidecar.Command)
	}
	if !slices.Contains(instructions(t), `ENTRYPOINT ["/usr/local/bin/tidegate-plugin", "serve"]`) {
		t.Error("the image does not run the plugin's server")
	}
	for _, probe := range []*corev1.Probe{sidecar.ReadinessProbe, sidecar.LivenessProbe} {
		if probe == nil || probe.HTTPGet.Port.StrVal != sidecar.Ports[0].Name {
			t.Errorf("probe %v asks another port than %v", probe, sidecar.Ports)
		}
	}
}

func TestSidecarWithArgoCDsOwnServerFitsItToo(t *testing.T) {
	sidecar, pod := sidecarOf(t, "repo-server-exec.yaml")
	server := pod.InitContainers[0].Command[len(pod.InitContainers[0].Command)-1]
	if len(sidecar.Command) != 1 || sidecar.Command[0] != server {
		t.Errorf("the sidecar runs %v, repo-server's init container copies the plugin server to %s", sidecar.Command, server)
	}
	if !slices.ContainsFunc(sidecar.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == filepath.Dir(server) }) {
		t.Errorf("the sidecar mounts nothing at %s", filepath.Dir(server))
	}
}

// sidecarOf checks what holds for each way to run the plugin, and returns the sidecar and its pod.
func sidecarOf(t *testing.T, patch string) (corev1.Container, corev1.PodSpec) {
	t.Helper()
	pod := patched(t, patch).Spec.Template.Spec
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
	return sidecar, pod
}
