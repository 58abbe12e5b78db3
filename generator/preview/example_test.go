package preview_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/preview"
	"github.com/tidegate/tidegate/manifests"
	"github.com/tidegate/tidegate/plugin/render"
)

var update = flag.Bool("update", false, "write the golden files")

const root = "../.."

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	os.Exit(m.Run())
}

// example answers from the example's repository and clusters.
func example(t testing.TB) generator.Answerer {
	t.Helper()
	return answerer(t, filepath.Join(root, "examples/gitops-platform"), filepath.Join(root, "examples/clusters.yaml"))
}

func answerer(t testing.TB, repository, clusters string) generator.Answerer {
	t.Helper()
	source, err := catalog.Open(repository, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	file, err := fleet.OpenFile(clusters)
	if err != nil {
		t.Fatal(err)
	}
	return generator.New(catalog.New(source, render.New()), file)
}

// shipped are the ApplicationSets of the manifests.
func shipped(t testing.TB, files ...[]byte) []v1alpha1.ApplicationSet {
	t.Helper()
	var sets []v1alpha1.ApplicationSet
	for _, file := range files {
		found, err := preview.ParseApplicationSets("applicationset.yaml", file)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, found...)
	}
	return sets
}

func run(t testing.TB, options preview.Options) *preview.Result {
	t.Helper()
	result, err := preview.Run(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func written(t *testing.T, applications []v1alpha1.Application, format string) string {
	t.Helper()
	var out bytes.Buffer
	if err := preview.Write(&out, applications, format); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestOneTemplateYieldsEveryApplicationOfTheExample(t *testing.T) {
	result := run(t, preview.Options{Answerer: example(t), ApplicationSets: shipped(t, manifests.Services, manifests.ClusterConfig)})
	golden(t, "example.txt", written(t, result.Applications, "table"))
	golden(t, "example.yaml", written(t, result.Applications, "yaml"))
	if len(result.Warnings)+len(result.Findings) > 0 {
		t.Errorf("%v %v", result.Warnings, result.Findings)
	}
}

// application picks one of the example's.
func application(t *testing.T, name string) v1alpha1.Application {
	t.Helper()
	for _, application := range run(t, preview.Options{Answerer: example(t), ApplicationSets: shipped(t, manifests.Services)}).Applications {
		if application.Name == name {
			return application
		}
	}
	t.Fatalf("no %s", name)
	return v1alpha1.Application{}
}

func TestThePipelinesApplicationsAreAsPromisedInEveryField(t *testing.T) {
	const slack = "notifications.argoproj.io/subscribe."
	factor := int64(2)
	ignored := v1alpha1.IgnoreDifferences{{Group: "apps", Kind: "Deployment", Name: "payments-api", JSONPointers: []string{"/spec/replicas"}}}
	for _, test := range []struct {
		name, path  string
		destination v1alpha1.ApplicationDestination
		policy      v1alpha1.SyncPolicy
		annotations map[string]string
	}{
		{
			name: "payments-api-staging", path: "services/payments-api/overlays/staging",
			destination: v1alpha1.ApplicationDestination{Server: "https://kubernetes.default.svc", Namespace: "payments-staging"},
			policy: v1alpha1.SyncPolicy{
				Automated:   &v1alpha1.SyncPolicyAutomated{Prune: true, SelfHeal: true, AllowEmpty: false},
				SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true", "PrunePropagationPolicy=foreground", "RespectIgnoreDifferences=true"},
				Retry:       &v1alpha1.RetryStrategy{Limit: 3, Backoff: &v1alpha1.Backoff{Duration: "5s", Factor: &factor, MaxDuration: "3m"}},
			},
			annotations: map[string]string{slack + "on-sync-succeeded.slack": "devops-deploys", slack + "on-sync-failed.slack": "devops-alerts"},
		},
		{
			name: "payments-api-production", path: "services/payments-api/overlays/production",
			destination: v1alpha1.ApplicationDestination{Server: "https://prod-cluster-api.internal:6443", Namespace: "payments-production"},
			policy: v1alpha1.SyncPolicy{
				SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true", "PrunePropagationPolicy=foreground"},
				Retry:       &v1alpha1.RetryStrategy{Limit: 2, Backoff: &v1alpha1.Backoff{Duration: "10s", Factor: &factor, MaxDuration: "5m"}},
			},
			annotations: map[string]string{
				slack + "on-sync-succeeded.slack": "devops-deploys", slack + "on-sync-failed.slack": "devops-alerts",
				slack + "on-production-sync.slack": "devops-oncall",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := application(t, test.name)
			for name := range got.Annotations {
				if name == "tidegate.dev/parameters" || name == v1alpha1.AnnotationKeyManifestGeneratePaths {
					delete(got.Annotations, name)
				}
			}
			got.Labels = nil
			want := v1alpha1.Application{TypeMeta: got.TypeMeta}
			want.Name, want.Namespace = test.name, "argocd"
			want.Finalizers = []string{"resources-finalizer.argocd.argoproj.io"}
			want.Annotations = test.annotations
			want.Spec = v1alpha1.ApplicationSpec{
				Project: "payments-team",
				Source: &v1alpha1.ApplicationSource{
					RepoURL: "https://github.com/myorg/gitops-platform", TargetRevision: "main", Path: test.path,
					Plugin: &v1alpha1.ApplicationSourcePlugin{Name: "tidegate"},
				},
				Destination: test.destination, SyncPolicy: &test.policy, IgnoreDifferences: ignored,
			}
			if diff := cmp.Diff(written(t, []v1alpha1.Application{want}, "yaml"), written(t, []v1alpha1.Application{got}, "yaml")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHandWrittenApplicationsDifferOnlyInWhatIsTidegates(t *testing.T) {
	hand, err := preview.ReadApplications("testdata/handwritten")
	if err != nil {
		t.Fatal(err)
	}
	result := run(t, preview.Options{
		Answerer: example(t), ApplicationSets: shipped(t, manifests.Services, manifests.ClusterConfig),
		Services: []string{"payments-api"}, Environments: []string{"staging", "production"},
	})
	comparisons, err := preview.Compare(hand, result.Applications)
	if err != nil {
		t.Fatal(err)
	}
	report, differ := preview.Report(comparisons)
	if differ != 0 {
		t.Errorf("%d differ", differ)
	}
	golden(t, "handwritten.diff", report)
}

func TestAnAddOnOfAClusterIsNobodysLoss(t *testing.T) {
	addOns, err := preview.ReadApplications(filepath.Join(root, "examples/gitops-platform/clusters"))
	if err != nil {
		t.Fatal(err)
	}
	comparisons, err := preview.Compare(addOns, []v1alpha1.Application{application(t, "payments-api-staging")})
	if err != nil {
		t.Fatal(err)
	}
	report, differ := preview.Report(comparisons)
	want := `external-secrets-production: written by hand, from another repository; nothing generates it
external-secrets-staging: written by hand, from another repository; nothing generates it
metrics-server-production: written by hand, from another repository; nothing generates it
metrics-server-staging: written by hand, from another repository; nothing generates it
payments-api-staging: generated, but not written by hand
`
	if diff := cmp.Diff(want, report); diff != "" || differ != 1 {
		t.Errorf("%d differ\n%s", differ, diff)
	}
}
