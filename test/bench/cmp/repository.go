package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// repository is a config repository of many services, each of eight small files.
type repository struct {
	root     string
	services int
}

// newRepository writes one. With ballast each service has a ninth file of so many bytes that do not compress.
func newRepository(root string, services, ballast int) (*repository, error) {
	r := &repository{root: root, services: services}
	noise := rand.NewChaCha8([32]byte{1})
	for i := range services {
		for name, content := range service(i) {
			if err := r.write(i, name, []byte(content)); err != nil {
				return nil, err
			}
		}
		if ballast > 0 {
			bytes := make([]byte, ballast)
			if _, err := noise.Read(bytes); err != nil {
				return nil, err
			}
			if err := r.write(i, "base/dashboard.bin", bytes); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *repository) service(i int) string {
	return filepath.Join(r.root, "services", fmt.Sprintf("service-%03d", i))
}

func (r *repository) overlay(i int) string { return filepath.Join(r.service(i), "overlays", "staging") }

func (r *repository) write(i int, name string, content []byte) error {
	file := filepath.Join(r.service(i), name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// touch makes every file younger, as a fresh clone or another replica does: contents stay, checksums of archives change.
func (r *repository) touch() error {
	now := time.Now()
	return filepath.WalkDir(r.root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, now, now)
	})
}

// git runs git in the repository.
func (r *repository) git(args ...string) error {
	command := exec.Command("git", append([]string{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"}, args...)...)
	command.Dir = r.root
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", command, err, out)
	}
	return nil
}

// commit changes the image of one service and commits it.
func (r *repository) commit(i int) error {
	if _, err := os.Stat(filepath.Join(r.root, ".git")); err != nil {
		if err := r.git("init", "-q"); err != nil {
			return err
		}
	}
	tag := fmt.Sprintf(imageTag, fmt.Sprintf("sha-%d", time.Now().UnixNano()))
	if err := r.write(i, "overlays/staging/image-tag/kustomization.yaml", []byte(tag)); err != nil {
		return err
	}
	if err := r.git("add", "-A"); err != nil {
		return err
	}
	return r.git("commit", "-q", "-m", "promote")
}

const imageTag = `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
- name: registry.example.com/api
  newTag: %s
`

// service is the files of one service: four objects, an overlay with JSON patches, and the image's tag.
func service(i int) map[string]string {
	name := fmt.Sprintf("service-%03d", i)
	return map[string]string{
		"base/kustomization.yaml":  "resources: [deployment.yaml, service.yaml, hpa.yaml, serviceaccount.yaml]\n",
		"base/deployment.yaml":     fmt.Sprintf(deployment, name),
		"base/service.yaml":        fmt.Sprintf(serviceObject, name),
		"base/hpa.yaml":            fmt.Sprintf(hpa, name),
		"base/serviceaccount.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: " + name + "\n",
		"overlays/staging/kustomization.yaml": "namespace: staging\nresources: [../../base]\ncomponents: [image-tag]\n" +
			"labels:\n- pairs: {environment: staging}\npatches:\n- target: {kind: Deployment}\n  path: patch.yaml\n",
		"overlays/staging/patch.yaml":                   "- {op: replace, path: /spec/replicas, value: 3}\n",
		"overlays/staging/image-tag/kustomization.yaml": fmt.Sprintf(imageTag, "v1.4.2"),
	}
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: 2
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      serviceAccountName: %[1]s
      containers:
      - name: api
        image: registry.example.com/api:v0.0.0
        args: [--listen=:8080, --log-level=info]
        ports:
        - {name: http, containerPort: 8080}
        env:
        - {name: REGION, value: eu-central-1}
        resources:
          requests: {cpu: 100m, memory: 128Mi}
        readinessProbe:
          httpGet: {path: /healthz, port: http}
`

const serviceObject = `apiVersion: v1
kind: Service
metadata:
  name: %[1]s
spec:
  selector: {app: %[1]s}
  ports:
  - {name: http, port: 80, targetPort: http}
`

const hpa = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: %[1]s
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %[1]s}
  minReplicas: 2
  maxReplicas: 10
`
