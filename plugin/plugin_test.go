package plugin_test

import (
	"context"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/wave"
)

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	render.Lockdown()
	os.Exit(m.Run())
}

type tree struct{ fstest.MapFS }

func repository(content map[string]string) tree {
	t := tree{fstest.MapFS{}}
	for name, text := range content {
		if target, isLink := strings.CutPrefix(text, "-> "); isLink {
			t.MapFS[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
			continue
		}
		t.MapFS[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return t
}

// run renders the folder app.
func run(content map[string]string, change func(*plugin.Settings)) (*plugin.Result, error) {
	settings := plugin.Defaults()
	settings.Namespace = "payments"
	if change != nil {
		change(&settings)
	}
	return plugin.Run(context.Background(), render.Once(), plugin.Request{
		Tree: repository(content), Dir: "app", App: "payments-staging", Settings: settings,
	})
}

const configured = `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  region: ${REGION}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  selector:
    matchLabels: {app: api}
  template:
    metadata:
      labels: {app: api}
    spec:
      containers:
      - name: api
        image: ghcr.io/myorg/api:v1
        envFrom:
        - configMapRef: {name: settings}
`

func TestARenderIsSubstitutedCheckedAndOrdered(t *testing.T) {
	result, err := run(map[string]string{
		"app/kustomization.yaml": "resources: [app.yaml]",
		"app/app.yaml":           configured,
	}, func(s *plugin.Settings) { s.Substitutions = map[string]string{"REGION": "eu-west-1"} })
	if err != nil {
		t.Fatal(err)
	}
	stream, err := manifest.YAML(result.Objects)
	if err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: v1
data:
  region: eu-west-1
kind: ConfigMap
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "-20"
  name: settings
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  selector:
    matchLabels:
      app: api
  template:
    metadata:
      labels:
        app: api
    spec:
      containers:
      - envFrom:
        - configMapRef:
            name: settings
        image: ghcr.io/myorg/api:v1
        name: api
`
	if diff := cmp.Diff(want, string(stream)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWithoutValuesWavesAndPolicyTheTextIsKustomizes(t *testing.T) {
	result, err := run(map[string]string{
		"app/kustomization.yaml": "resources: [app.yaml]",
		"app/app.yaml":           "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  script: echo ${HOME} $${HOME}\n",
	}, func(s *plugin.Settings) { s.Waves, s.Policy = wave.Off, policy.Off })
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Objects[0].String("data", "script"); got != "echo ${HOME} $${HOME}" {
		t.Errorf("script became %q", got)
	}
	if result.Plan != nil || len(result.Warnings) > 0 {
		t.Errorf("plan %v, warnings %v", result.Plan, result.Warnings)
	}
}

func TestWhatMustNotBeRenderedIsAnErrorThatNamesTheFile(t *testing.T) {
	secret := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  token: hunter2\n"
	configMap := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string // how the error begins
	}{
		{"a plain Secret", map[string]string{
			"base/kustomization.yaml": "resources: [secret.yaml]",
			"base/secret.yaml":        configMap + "---\n" + secret,
			"app/kustomization.yaml":  "resources: [../base]\nnamePrefix: blue-\nnamespace: payments",
		}, "base/secret.yaml:6: Secret payments/blue-token: stringData:"},
		{"a generated Secret", map[string]string{
			"app/kustomization.yaml": "secretGenerator:\n- name: other\n- name: token\n  literals: [token=hunter2]",
		}, "app/kustomization.yaml:3: Secret token-"},
		{"nothing at all", map[string]string{
			"app/kustomization.yaml": "resources: []\nnamespace: payments",
		}, "app: the render holds no object at all"},
		{"a variable without a value", map[string]string{
			"app/kustomization.yaml": "resources: [app.yaml]",
			"app/app.yaml":           configured,
		}, "app/app.yaml:1: ConfigMap settings: data.region: ${REGION} has no value"},
		{"parameters from Git", map[string]string{
			"app/kustomization.yaml":  "resources: [app.yaml]",
			"app/app.yaml":            configMap,
			"app/.argocd-source.yaml": "plugin:\n  parameters:\n  - name: policy\n    string: 'off'\n",
		}, "app/.argocd-source.yaml: it sets plugin, which would change the plugin's parameters from Git"},
		{"parameters from Git in another case", map[string]string{
			"app/kustomization.yaml":                   "resources: [app.yaml]",
			"app/app.yaml":                             configMap,
			"app/.argocd-source-payments-staging.yaml": "Plugin: {env: [{name: X, value: y}]}",
		}, "app/.argocd-source-payments-staging.yaml: it sets Plugin"},
		{"parameters from Git behind a link", map[string]string{
			"app/kustomization.yaml":  "resources: [app.yaml]",
			"app/app.yaml":            configMap,
			"app/.argocd-source.yaml": "-> ../shared.yaml",
			"shared.yaml":             "plugin: null",
		}, "app/.argocd-source.yaml: it sets plugin"},
		{"a file of Argo CD's that no parser survives", map[string]string{
			"app/kustomization.yaml":  "resources: [app.yaml]",
			"app/app.yaml":            configMap,
			"app/.argocd-source.yaml": "a: &a " + strings.Repeat("x", 64<<10) + "\nb: [" + strings.Repeat("*a, ", 10_000) + "]",
		}, "app/.argocd-source.yaml:2: its YAML aliases expand to more than 100000 nodes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := run(test.files, nil)
			if err == nil {
				t.Fatalf("rendered %v", result.Objects)
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestASourceFileOfAnotherApplicationOrWithoutPluginIsLeftAlone(t *testing.T) {
	_, err := run(map[string]string{
		"app/kustomization.yaml":         "resources: [app.yaml]",
		"app/app.yaml":                   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n",
		"app/.argocd-source-other.yaml":  "plugin: {}",
		"app/.argocd-source.yaml":        "kustomize:\n  images: []\n",
		"elsewhere/.argocd-source.yaml":  "plugin: {}",
		"app/nested/.argocd-source.yaml": "plugin: {}",
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestAWeakPolicyWarnsWithTheFile(t *testing.T) {
	result, err := run(map[string]string{
		"app/kustomization.yaml": "resources: [secret.yaml]",
		"app/secret.yaml":        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  token: ${TOKEN}\n",
	}, func(s *plugin.Settings) { s.Policy = policy.Warn })
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Warnings) != 2 {
		t.Fatalf("warnings: %q", result.Warnings)
	}
	for i, want := range []string{"app/secret.yaml:1: Secret token: stringData.token: ${TOKEN} has no value", "app/secret.yaml:1: Secret token: stringData:"} {
		if !strings.HasPrefix(result.Warnings[i], want) {
			t.Errorf("warning %q, want it to begin %q", result.Warnings[i], want)
		}
	}
}
