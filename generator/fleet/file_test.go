package fleet_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/fleet"
)

func document(name, server string) string {
	return `apiVersion: v1
kind: Secret
metadata:
  name: cluster-` + name + `
  labels: {argocd.argoproj.io/secret-type: cluster}
stringData:
  name: ` + name + `
  server: ` + server + "\n"
}

func TestWhatAClusterSecretSaysIsKeptAndNothingElse(t *testing.T) {
	got, err := fleet.ParseClusters("clusters.yaml", []byte(`
apiVersion: v1
kind: Secret
metadata:
  name: production-eu
  namespace: argocd
  labels:
    argocd.argoproj.io/secret-type: cluster
    region: eu-west-1
  annotations:
    managed-by: argocd.argoproj.io
    team: platform
    tidegate.dev/values: |
      REGION: eu-west-1
      DOMAIN: eu.example.com
type: Opaque
stringData:
  name: production-eu
  server: https://eu.example.com:6443/
  project: payments
  shard: "1"
---
# As kubectl prints them.
apiVersion: v1
kind: Secret
metadata: {name: in-cluster, labels: {argocd.argoproj.io/secret-type: cluster}}
data:
  name: aW4tY2x1c3Rlcg==
  server: aHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3Zj
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Cluster{
		{Name: "in-cluster", Server: "https://kubernetes.default.svc", Labels: map[string]string{}, Annotations: map[string]string{}},
		{
			Name: "production-eu", Server: "https://eu.example.com:6443", Project: "payments", Shard: "1",
			Labels: map[string]string{"region": "eu-west-1"},
			Annotations: map[string]string{
				"team":                 "platform",
				fleet.ValuesAnnotation: "REGION: eu-west-1\nDOMAIN: eu.example.com\n",
			},
			Values: map[string]string{"REGION": "eu-west-1", "DOMAIN": "eu.example.com"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAFileOfClustersThatCannotBeTrustedIsRefused(t *testing.T) {
	staging := document("staging", "https://kubernetes.default.svc")
	const credentials = "a file of clusters holds no credentials, only name, server, project, shard, namespaces, clusterResources; " +
		"remove it, and if it was committed, replace the credential"
	for _, test := range []struct{ name, file, want string }{
		{"empty", "", "clusters.yaml: has no cluster; each is a document in the shape of an Argo CD cluster Secret"},
		{"another kind", "apiVersion: v1\nkind: ConfigMap\n", "clusters.yaml:2: kind: want apiVersion v1 and kind Secret, in the shape of an Argo CD cluster Secret"},
		{"duplicate name", staging + "---\n" + document("staging", "https://other:6443"), `clusters.yaml:16: stringData.name: "staging" is the name of the cluster in line 7 already`},
		{"duplicate server", staging + "---\n" + document("other", "https://kubernetes.default.svc/"), `clusters.yaml:17: stringData.server: "https://kubernetes.default.svc" is the server of the cluster in line 8 already`},
		{"credentials", staging + "  config: '{\"bearerToken\":\"s3cr3t\"}'\n", "clusters.yaml:9: stringData.config: " + credentials},
		{"a token of its own", staging + "  bearerToken: s3cr3t\n", "clusters.yaml:9: stringData.bearerToken: " + credentials},
		{"credentials in base64", staging + "data: {config: czNjcjN0}\n", "clusters.yaml:9: data.config: " + credentials},
		{"a password in the URL", document("a", "https://admin:s3cr3t@host"), "clusters.yaml:8: stringData.server: server is missing or not a URL such as https://kubernetes.default.svc, without user and password"},
		{"no name", strings.Replace(staging, "  name: staging\n", "", 1), "clusters.yaml:6: stringData: name is missing"},
		{
			"not a cluster", strings.Replace(staging, "labels: {argocd.argoproj.io/secret-type: cluster}", "labels: {tier: x}", 1),
			"clusters.yaml:5: metadata.labels: argocd.argoproj.io/secret-type: cluster is missing; without it Argo CD does not see a cluster in the Secret",
		},
		{"misspelt field", strings.Replace(staging, "stringData", "stringdata", 1), "clusters.yaml:6: stringdata: there is no such field; did you mean stringData?"},
		{
			"values that are none", strings.Replace(staging, "stringData", "  annotations: {tidegate.dev/values: 'REPLICAS: 3'}\nstringData", 1),
			`clusters.yaml:6: metadata.annotations.tidegate.dev/values: tidegate.dev/values:1: REPLICAS: want a string; write "3", in quotes`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := fleet.ParseClusters("clusters.yaml", []byte(test.file))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Error("the message shows the credential")
			}
		})
	}
}

func TestAChangedFileOfClustersIsReadAgainAndABrokenOneIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clusters.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(document("a", "https://a"))
	file, err := fleet.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(document("a", "https://a") + "---\n" + document("b", "https://b"))
	if clusters, err := file.Clusters(context.Background()); err != nil || len(clusters) != 2 {
		t.Errorf("two clusters, not %v, %v", clusters, err)
	}
	write("nonsense")
	if clusters, err := file.Clusters(context.Background()); err == nil {
		t.Errorf("an error, not %v", clusters)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if clusters, err := file.Clusters(context.Background()); err == nil {
		t.Errorf("an error, not %v", clusters)
	}
}
