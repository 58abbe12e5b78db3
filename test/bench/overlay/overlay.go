// Package overlay writes the kustomize overlays that benchmarks render.
package overlay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Overlay is one of the overlays.
type Overlay struct {
	// Name is what it stands for, and its folder's name.
	Name string
	// files are its contents, by path below that folder; what is rendered lies in overlay/.
	files func() (map[string]string, error)
}

// All are the overlays, each of which stresses something else.
var All = []Overlay{
	{"json-patches", func() (map[string]string, error) { return service(jsonPatches), nil }},
	{"strategic-merge", func() (map[string]string, error) { return service(strategicMerge), nil }},
	{"100-large-crds", func() (map[string]string, error) { return definitions(100) }},
}

// Write puts the overlay below dir, unless it is there already, and returns the folder to render.
func (o Overlay) Write(dir string) (string, error) {
	root := filepath.Join(dir, o.Name)
	if _, err := os.Stat(root); err == nil {
		return filepath.Join(root, "overlay"), nil
	}
	files, err := o.files()
	if err != nil {
		return "", err
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(root, "overlay"), nil
}

// service is a service of four objects, the base, and an overlay with the given patches.
func service(patches string) map[string]string {
	return map[string]string{
		"base/kustomization.yaml": "resources: [deployment.yaml, service.yaml, hpa.yaml, serviceaccount.yaml]\n",
		"base/deployment.yaml":    deployment,
		"base/service.yaml": `apiVersion: v1
kind: Service
metadata:
  name: payments-api
spec:
  selector: {app: payments-api}
  ports:
  - {name: http, port: 80, targetPort: http}
`,
		"base/hpa.yaml": `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: payments-api
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: payments-api}
  minReplicas: 2
  maxReplicas: 10
`,
		"base/serviceaccount.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: payments-api\n",
		"overlay/kustomization.yaml": `namespace: payments-staging
resources: [../base]
labels:
- pairs: {environment: staging}
images:
- name: registry.example.com/payments-api
  newTag: v1.4.2
patches:
` + patches,
	}
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: payments-api
spec:
  replicas: 2
  selector:
    matchLabels: {app: payments-api}
  template:
    metadata:
      labels: {app: payments-api}
    spec:
      serviceAccountName: payments-api
      containers:
      - name: payments-api
        image: registry.example.com/payments-api:v0.0.0
        args: [--listen=:8080, --log-level=info]
        ports:
        - {name: http, containerPort: 8080}
        env:
        - {name: REGION, value: eu-central-1}
        resources:
          requests: {cpu: 100m, memory: 128Mi}
        readinessProbe:
          httpGet: {path: /healthz, port: http}
      - name: proxy
        image: registry.example.com/proxy:v2.1.0
`

const jsonPatches = `- target: {kind: Deployment, name: payments-api}
  patch: |-
    - {op: replace, path: /spec/replicas, value: 3}
    - {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 250m}
- target: {kind: HorizontalPodAutoscaler}
  patch: |-
    - {op: replace, path: /spec/maxReplicas, value: 20}
`

const strategicMerge = `- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: payments-api
    spec:
      replicas: 3
      template:
        spec:
          containers:
          - name: payments-api
            resources:
              requests: {cpu: 250m}
            env:
            - {name: LOG_FORMAT, value: json}
- patch: |-
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    metadata:
      name: payments-api
    spec:
      maxReplicas: 20
`

// definitions is an overlay of so many custom resource definitions, labelled by the overlay.
func definitions(count int) (map[string]string, error) {
	files := map[string]string{}
	var names strings.Builder
	for i := range count {
		text, err := definition(i)
		if err != nil {
			return nil, err
		}
		files[fmt.Sprintf("base/crd-%03d.yaml", i)] = text
		fmt.Fprintf(&names, "- crd-%03d.yaml\n", i)
	}
	files["base/kustomization.yaml"] = "resources:\n" + names.String()
	files["overlay/kustomization.yaml"] = "resources: [../base]\nlabels:\n- pairs: {team: platform}\n"
	return files, nil
}
