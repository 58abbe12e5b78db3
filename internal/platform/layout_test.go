package platform_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/platform"
)

// files makes a repository of paths; those in links are symbolic ones.
func files(paths []string, links ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, path := range paths {
		out[path] = &fstest.MapFile{}
	}
	for _, path := range links {
		out[path] = &fstest.MapFile{Mode: fs.ModeSymlink}
	}
	return out
}

func TestServicesOverlaysAndClustersAreFoundByTheirFolders(t *testing.T) {
	got, err := platform.Discover(files([]string{
		"tidegate.yaml",
		"services/README.md",
		"services/.github/x",
		"services/payments-api/base/kustomization.yaml",
		"services/payments-api/overlays/staging/kustomization.yaml",
		"services/payments-api/overlays/production/kustomization.yaml",
		"services/payments-api/overlays/README.md",
		"services/new-service/base/kustomization.yaml",
		"clusters/production/cluster-config/kustomization.yaml",
		"clusters/production/argocd-apps/metrics-server.yaml",
		"clusters/edge/argocd-apps/metrics-server.yaml",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := &platform.Layout{
		Services: []platform.ServiceFolder{
			{Name: "new-service"},
			{Name: "payments-api", Overlays: []string{"production", "staging"}},
		},
		Clusters: []string{"production"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestALayoutThatWouldHideAServiceIsRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"no config repository", files([]string{"README.md"}), "there is no folder below services/ or clusters/: this is not a config repository, or not its root"},
		{"a linked service", files([]string{"services/a/base/x"}, "services/b"), "services/b is a link; want a folder of its own"},
		{
			"a name that cannot be", files([]string{"services/Payments_API/base/x"}),
			`services/Payments_API: "Payments_API" cannot be the name of a service: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := platform.Discover(test.files)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
