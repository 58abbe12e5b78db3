package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// repository is a config repository of many services, each of eight small files, as repo-server has it checked out.
type repository struct {
	root     string
	services int
	// author is where commits are made, and origin where they are fetched from; none where it is no Git repository.
	author, origin string
}

// newRepository writes one below dir, of this version: what was rendered of another is of no use. With ballast each service
// has a ninth file of so many bytes that do not compress.
func newRepository(dir, version string, services, ballast int) (*repository, error) {
	r := &repository{root: filepath.Join(dir, "checkout"), services: services}
	noise := rand.NewChaCha8([32]byte{1})
	// One service more than there are Applications: the one elsewhere.
	for i := range services + 1 {
		for name, content := range service(i, version) {
			if err := write(r.service(i), name, []byte(content)); err != nil {
				return nil, err
			}
		}
		if ballast > 0 {
			bytes := make([]byte, ballast)
			if _, err := noise.Read(bytes); err != nil {
				return nil, err
			}
			if err := write(r.service(i), "base/dashboard.bin", bytes); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *repository) service(i int) string {
	return filepath.Join(r.root, folder(i))
}

// folder is that of a service in the repository.
func folder(i int) string { return filepath.Join("services", fmt.Sprintf("service-%03d", i)) }

func (r *repository) overlay(i int) string { return filepath.Join(r.service(i), "overlays", "staging") }

func write(dir, name string, content []byte) error {
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// git runs git in a folder.
func git(dir string, args ...string) error {
	command := exec.Command("git", append([]string{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"}, args...)...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", command, err, out)
	}
	return nil
}

// share makes a Git repository of it, which somebody else commits to.
func (r *repository) share() error {
	r.author, r.origin = r.root+"-author", r.root+"-origin"
	for _, step := range [][]string{
		{r.root, "init", "-q", "-b", "main"}, {r.root, "add", "-A"}, {r.root, "commit", "-q", "-m", "services"},
		{r.root, "clone", "-q", "--bare", ".", r.origin}, {r.root, "remote", "add", "origin", r.origin},
		{r.root, "clone", "-q", r.origin, r.author},
	} {
		if err := git(step[0], step[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// commit changes the image of the service elsewhere, and moves the checkout there as repo-server does: it fetches, and
// writes what differs.
func (r *repository) commit() error {
	tag := fmt.Sprintf(imageTag, fmt.Sprintf("sha-%d", time.Now().UnixNano()))
	if err := write(filepath.Join(r.author, folder(r.services)), "overlays/staging/image-tag/kustomization.yaml", []byte(tag)); err != nil {
		return err
	}
	for _, step := range [][]string{
		{r.author, "commit", "-q", "-a", "-m", "promote"}, {r.author, "push", "-q"},
		{r.root, "fetch", "-q", "origin", "main"}, {r.root, "checkout", "-q", "--force", "--detach", "FETCH_HEAD"},
	} {
		if err := git(step[0], step[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// again checks everything out anew, as in a fresh clone or another replica: contents stay, every file is younger, and so
// the checksum of every archive is another.
func (r *repository) again() error {
	if err := os.RemoveAll(filepath.Join(r.root, "services")); err != nil {
		return err
	}
	return git(r.root, "checkout", "-q", "--force", "HEAD", "--", ".")
}

const imageTag = `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
- name: registry.example.com/api
  newTag: %s
`

// service is the files of one service: four objects, an overlay with JSON patches, and the image's tag.
func service(i int, version string) map[string]string {
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
		"overlays/staging/image-tag/kustomization.yaml": fmt.Sprintf(imageTag, version),
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
