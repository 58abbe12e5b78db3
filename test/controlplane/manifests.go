package controlplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/reposerver/apiclient"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Manifests are what repo-server answers for a source at a revision, in its order, computed anew.
func (a *ArgoCD) Manifests(ctx context.Context, revision string, app *v1alpha1.Application) (out []*unstructured.Unstructured, err error) {
	connection, client, err := apiclient.NewRepoServerClientset(a.repoServer, 60, apiclient.TLSConfiguration{DisableTLS: true}).NewRepoServerClient()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	source := app.Spec.GetSource()
	answer, err := client.GenerateManifest(ctx, &apiclient.ManifestRequest{
		Repo: &v1alpha1.Repository{Repo: source.RepoURL}, Revision: revision, NoCache: true, ApplicationSource: &source,
		AppName: app.Name, Namespace: app.Spec.Destination.Namespace, ProjectName: app.Spec.Project, ProjectSourceRepos: []string{"*"},
		AnnotationManifestGeneratePaths: app.Annotations[v1alpha1.AnnotationKeyManifestGeneratePaths],
	})
	if err != nil {
		return nil, err
	}
	for _, manifest := range answer.Manifests {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON([]byte(manifest)); err != nil {
			return nil, fmt.Errorf("%s: %w", source.Path, err)
		}
		out = append(out, object)
	}
	return out, nil
}
