package render_test

import "testing"

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - image: ghcr.io/myorg/api:latest
        name: api
`

const imageTag = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
images:
- name: ghcr.io/myorg/api
  newTag: sha-a1b2c3d
`

func TestAComponentFileGivesWhatAComponentFolderGives(t *testing.T) {
	asFile := files(map[string]string{
		"base/kustomization.yaml":             "resources: [deployment.yaml]",
		"base/deployment.yaml":                deployment,
		"overlays/staging/kustomization.yaml": "resources: [../../base]\ncomponents: [image-tag.yaml]",
		"overlays/staging/image-tag.yaml":     imageTag,
	})
	asFolder := files(map[string]string{
		"base/kustomization.yaml":             "resources: [deployment.yaml]",
		"base/deployment.yaml":                deployment,
		"overlays/staging/kustomization.yaml": "resources: [../../base]\ncomponents: [image-tag]",
		"overlays/staging/image-tag/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
- name: ghcr.io/myorg/api
  newTag: sha-a1b2c3d
`,
	})
	want := `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - image: ghcr.io/myorg/api:sha-a1b2c3d
        name: api
`
	wantEqual(t, mustBuild(t, asFile, "overlays/staging"), want)
	wantEqual(t, mustBuild(t, asFolder, "overlays/staging"), want)
}
