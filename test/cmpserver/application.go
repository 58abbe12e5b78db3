package cmpserver

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	repoapi "github.com/argoproj/argo-cd/v2/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v2/reposerver/repository"
	"github.com/argoproj/argo-cd/v2/util/cmp"
	"github.com/argoproj/argo-cd/v2/util/git"
	argoio "github.com/argoproj/argo-cd/v2/util/io"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Application is what repo-server knows of an Application when it asks the plugin for manifests.
type Application struct {
	Name string
	// Namespace is that of spec.destination.
	Namespace string
	// Path is spec.source.path.
	Path       string
	Env        v1alpha1.Env
	Parameters v1alpha1.ApplicationSourcePluginParameters
	// GeneratePaths is the annotation argocd.argoproj.io/manifest-generate-paths. When it is set, repo-server runs with
	// --plugin-use-manifest-generate-paths, and sends only the folder that holds all those paths.
	GeneratePaths string
}

// revision stands for the commit that repo-server checked out.
const revision = "0123456789abcdef0123456789abcdef01234567"

// Manifests returns what repo-server hands to the application controller for app, out of a checkout of the repository at
// repoRoot: one JSON document per object, in the order in which the plugin printed them.
func (s *Server) Manifests(ctx context.Context, repoRoot string, app Application) ([]string, error) {
	repoRoot, err := filepath.Abs(repoRoot)
	if err != nil {
		return nil, err
	}
	request := &repoapi.ManifestRequest{
		AppName:                         app.Name,
		Namespace:                       app.Namespace,
		Repo:                            &v1alpha1.Repository{Repo: "https://github.com/myorg/gitops-platform"},
		Revision:                        revision,
		KubeVersion:                     "1.35.4",
		ApiVersions:                     []string{"v1", "apps/v1"},
		AnnotationManifestGeneratePaths: app.GeneratePaths,
		ApplicationSource:               app.source(),
	}
	response, err := repository.GenerateManifests(ctx, filepath.Join(repoRoot, app.Path), repoRoot, revision, request, false,
		git.NoopCredsStore{}, resource.MustParse("10M"), argoio.NewRandomizedTempPaths(s.dir),
		repository.WithCMPTarDoneChannel(make(chan bool, 1)),
		repository.WithCMPTarExcludedGlobs([]string{".git"}),
		repository.WithCMPUseManifestGeneratePaths(app.GeneratePaths != ""),
	)
	if err != nil {
		return nil, err
	}
	return response.Manifests, nil
}

func (a Application) source() *v1alpha1.ApplicationSource {
	return &v1alpha1.ApplicationSource{
		RepoURL:        "https://github.com/myorg/gitops-platform",
		TargetRevision: "main",
		Path:           a.Path,
		Plugin:         &v1alpha1.ApplicationSourcePlugin{Name: "tidegate", Env: a.Env, Parameters: a.Parameters},
	}
}

// Announcements returns the parameters that the plugin announces for the Parameters tab of Argo CD's UI.
func (s *Server) Announcements(ctx context.Context, repoRoot, path string) ([]*repoapi.ParameterAnnouncement, error) {
	conn, client, err := apiclient.NewConfigManagementPluginClientSet(s.Address()).NewConfigManagementPluginClient()
	if err != nil {
		return nil, err
	}
	defer argoio.Close(conn)
	stream, err := client.GetParametersAnnouncement(ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.SendRepoStream(ctx, filepath.Join(repoRoot, path), repoRoot, stream, nil, []string{".git"}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	response, err := stream.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return response.ParameterAnnouncements, nil
}
