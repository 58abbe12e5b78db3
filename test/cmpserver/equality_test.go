package cmpserver_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/util/cmp"
	argoio "github.com/argoproj/argo-cd/v2/util/io"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver"
)

// kinds are kustomizations of which each exercises something that could leak from one render into another; %[1]d makes
// each one's output its own.
var kinds = map[string]map[string]string{
	"plain":      {"kustomization.yaml": "resources: [app.yaml]\nnamePrefix: p%[1]d-\n"},
	"json":       {"kustomization.yaml": "resources: [app.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":%[1]d}]'\n"},
	"merge":      {"kustomization.yaml": "resources: [app.yaml]\npatches:\n- path: patch.yaml\n", "patch.yaml": mergePatch},
	"tag":        {"kustomization.yaml": "resources: [app.yaml]\ncomponents: [image-tag.yaml]\n", "image-tag.yaml": "kind: Kustomization\nimages: [{name: api, newTag: v%[1]d}]\n"},
	"config":     {"kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=%[1]d]\n"},
	"values":     {"kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: ['region=${REGION}-%[1]d']\n"},
	"openapi":    {"kustomization.yaml": "resources: [app.yaml]\nopenapi: {path: schema.json}\npatches:\n- path: patch.yaml\n", "patch.yaml": mergePatch, "schema.json": schemaWithoutKeys},
	"nested":     {"kustomization.yaml": "resources: [base]\nnameSuffix: -%[1]d\n", "base/kustomization.yaml": "resources: [app.yaml]\nopenapi: {path: schema.json}\n", "base/app.yaml": app, "base/schema.json": schemaWithoutKeys},
	"crds":       {"kustomization.yaml": "resources: [app.yaml, hive.yaml]\nnamePrefix: p%[1]d-\ncrds: [crd.json]\n", "hive.yaml": hive, "crd.json": hiveSchema},
	"rules":      {"kustomization.yaml": "resources: [app.yaml]\nconfigurations: [rules.yaml]\ncommonAnnotations: {tier: t%[1]d}\n", "rules.yaml": "commonAnnotations:\n- {path: spec/template/metadata/labels, create: true, kind: Deployment}\n"},
	"vars":       {"kustomization.yaml": "resources: [app.yaml]\nnamePrefix: p%[1]d-\nvars:\n- name: NAME\n  objref: {apiVersion: apps/v1, kind: Deployment, name: api-%[1]d}\npatches:\n- target: {kind: Deployment}\n  patch: '[{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/args\",\"value\":[\"$(NAME)\"]}]'\n"},
	"replaced":   {"kustomization.yaml": "resources: [app.yaml]\nreplacements:\n- source: {kind: Deployment, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [spec.template.metadata.labels.app]\n"},
	"behavior":   {"kustomization.yaml": "resources: [base]\nconfigMapGenerator:\n- name: settings\n  behavior: merge\n  literals: [b=%[1]d]\n", "base/kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=1]\n", "base/app.yaml": app},
	"bad schema": {"kustomization.yaml": "resources: [app.yaml]\nopenapi: {path: schema.json}\npatches:\n- path: patch.yaml\n", "patch.yaml": mergePatch, "schema.json": "{\"definitions\": [%[1]d]}"},
	"missing":    {"kustomization.yaml": "resources: [app.yaml, gone-%[1]d.yaml]\n"},
	"field":      {"kustomization.yaml": "resources: [app.yaml]\nimage: [{name: api, newTag: v%[1]d}]\n"},
	"secret":     {"kustomization.yaml": "resources: [app.yaml]\nsecretGenerator:\n- name: token-%[1]d\n  literals: [a=b]\n"},
	"remote":     {"kustomization.yaml": "resources: [app.yaml, 'https://example.com/%[1]d.yaml']\n"},
	"yaml":       {"kustomization.yaml": "resources: [app.yaml, broken.yaml]\n", "broken.yaml": "a: [%[1]d\n"},
}

const app = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api-%[1]d}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - {name: api, image: 'api:v0'}
      - {name: sidecar, image: 'sidecar:v%[1]d'}
`

// hive refers to a Deployment in a field that only its definition tells of.
const hive = `apiVersion: example.com/v1
kind: Hive
metadata: {name: hive-%[1]d}
spec: {keeper: {name: api-%[1]d}}
`

const hiveSchema = `{"example.com/v1.Hive": {"Schema": {"properties": {
	"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"$ref": "k8s.io/apimachinery/pkg/apis/meta/v1.ObjectMeta"},
	"spec": {"$ref": "example.com/v1.HiveSpec%[1]d"}}}, "Dependencies": []},
	"example.com/v1.HiveSpec%[1]d": {"Schema": {"properties": {"keeper": {
	"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Deployment", "type": "object"}}}, "Dependencies": []}}`

// mergePatch changes one container. Without the schema of Kubernetes, or with another tenant's, it would drop the other.
const mergePatch = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api-%[1]d}
spec: {template: {spec: {containers: [{name: api, image: 'api:v%[1]d'}]}}}
`

const schemaWithoutKeys = `{"definitions": {"io.k8s.api.apps.v1.Deployment": {"type": "object",
	"properties": {"spec": {"type": "object", "x-kubernetes-%[1]d": true}},
	"x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]}}}`

// mixed writes a repository of so many Applications, of all kinds by turns.
func mixed(t *testing.T, count int) (repo string, paths []string) {
	files := map[string]string{}
	names := slices.Sorted(maps.Keys(kinds))
	for i := range count {
		kind := names[i%len(names)]
		dir := fmt.Sprintf("services/%03d-%s", i, strings.ReplaceAll(kind, " ", "-"))
		paths = append(paths, dir)
		files[dir+"/app.yaml"] = fmt.Sprintf(app, i)
		for name, content := range kinds[kind] {
			if strings.Contains(content, "%[1]d") {
				content = fmt.Sprintf(content, i)
			}
			files[dir+"/"+name] = content
		}
	}
	return copyExample(t, files), paths
}

// ask is one request of Argo CD's own client, with only the Application's folder sent.
func ask(ctx context.Context, client apiclient.ConfigManagementPluginServiceClient, dir string) ([]string, error) {
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return nil, err
	}
	environment := []string{
		"ARGOCD_APP_NAME=" + filepath.Base(dir), "ARGOCD_APP_NAMESPACE=staging", "ARGOCD_ENV_REGION=eu-west-1",
		"ARGOCD_APP_SOURCE_REPO_URL=" + tenant(dir),
	}
	if err := cmp.SendRepoStream(ctx, dir, dir, stream, environment, []string{".git"}); err != nil {
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

// tenant is whose repository a folder belongs to, one of seven.
func tenant(dir string) string {
	n := 0
	for _, b := range []byte(filepath.Base(dir)) {
		n += int(b)
	}
	return fmt.Sprintf("https://git.example.com/tenant-%d/services", n%7)
}

// nativeHere serves in this process, where the race detector sees it, beside Argo CD's own client.
func nativeHere(t *testing.T) string {
	t.Helper()
	server := cmpserver.New(cmpserver.Options{Settings: func(environment []string) (plugin.Settings, []string, error) {
		s := plugin.Defaults()
		return s, nil, s.Environment(environment)
	}}).GRPC()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "tidegate.sock"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func dial(t *testing.T, address string) apiclient.ConfigManagementPluginServiceClient {
	t.Helper()
	conn, client, err := apiclient.NewConfigManagementPluginClientSet(address).NewConfigManagementPluginClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { argoio.Close(conn) })
	return client
}

// outcome is what a person sees of a render: manifests, or the message.
type outcome struct {
	Manifests []string
	Message   string
}

// shown is a message without what its library draws by lot so that nobody relies on it (github.com/go-json-experiment).
func shown(message string) string { return strings.ReplaceAll(message, "unable to", "cannot") }

func TestManyTenantsAtOnceEachGetWhatTheyGetAlone(t *testing.T) {
	repo, paths := mixed(t, 12*len(kinds))
	exec := dial(t, serve(t).Address())
	want := map[string]outcome{}
	for _, path := range paths {
		manifests, err := ask(t.Context(), exec, filepath.Join(repo, path))
		want[path] = outcome{Manifests: manifests}
		if err != nil {
			_, message, found := strings.Cut(err.Error(), "failed exit status 1: ")
			if !found {
				t.Fatalf("%s: %v", path, err)
			}
			want[path] = outcome{Message: shown(message)}
		}
	}
	native := dial(t, nativeHere(t))
	const rounds = 2 // the second among what is known from the first
	jobs := make(chan string, rounds*len(paths))
	for range rounds {
		for _, i := range rand.Perm(len(paths)) {
			jobs <- paths[i]
		}
	}
	close(jobs)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for path := range jobs {
				manifests, err := ask(t.Context(), native, filepath.Join(repo, path))
				got := outcome{Manifests: manifests}
				if err != nil {
					_, message, _ := strings.Cut(err.Error(), "desc = ")
					got = outcome{Message: shown(message)}
				}
				if diff := gocmp.Diff(want[path], got); diff != "" {
					t.Errorf("%s (-alone, by Argo CD's server +among others):\n%s", path, diff)
				}
			}
		})
	}
	group.Wait()
}
