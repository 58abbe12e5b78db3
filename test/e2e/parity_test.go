//go:build e2e

package e2e

import (
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// parity compares what the plugin makes of every overlay of the repository with what Argo CD's own kustomize source makes
// of it, both through the same repo-server.
func (s *suite) parity() {
	stock := s.pushForStockKustomize("HEAD:stock")
	applications := s.byPlugin()
	if len(applications) == 0 {
		s.Fatal("there is nothing to compare")
	}
	for name, app := range applications {
		ours, err := s.ArgoCD.Manifests(s.Context(), "main", &app)
		s.must(err)
		app.Spec.Source.Plugin = nil
		theirs, err := s.ArgoCD.Manifests(s.Context(), stock, &app)
		s.must(err)
		if diff := cmp.Diff(theirs, withoutOurs(ours, theirs)); diff != "" {
			s.Errorf("%s: Argo CD's kustomize source and the plugin differ (-Argo CD +plugin):\n%s", name, diff)
		}
		if len(theirs) == 0 {
			s.Errorf("%s: no manifests", name)
		}
	}
}

// byPlugin are the Applications whose source is the plugin.
func (s *suite) byPlugin() map[string]v1alpha1.Application {
	s.Helper()
	all, err := s.Applications(s.Context())
	s.must(err)
	for name, app := range all {
		if app.Spec.Source.Plugin == nil {
			delete(all, name)
		}
	}
	return all
}

// pushForStockKustomize commits the repository with every component that is a file as the directory that stock kustomize
// takes, pushes it aside, and returns the commit. The clone is then as it was.
func (s *suite) pushForStockKustomize(refspec string) string {
	s.Helper()
	s.git("checkout", "--quiet", "--detach")
	defer s.git("checkout", "--quiet", "main")
	r := s.Repository
	s.must(filepath.WalkDir(r.Work, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "image-tag.yaml" {
			return err
		}
		overlay, err := filepath.Rel(r.Work, filepath.Dir(path))
		s.must(err)
		content, err := r.Read(overlay + "/image-tag.yaml")
		s.must(err)
		component := strings.NewReplacer("kind: Kustomization", "kind: Component", "v1beta1", "v1alpha1").Replace(content)
		s.must(r.Write(overlay+"/image-tag/kustomization.yaml", component))
		s.must(r.Remove(overlay + "/image-tag.yaml"))
		kustomization, err := r.Read(overlay + "/kustomization.yaml")
		s.must(err)
		return r.Write(overlay+"/kustomization.yaml", strings.Replace(kustomization, "- image-tag.yaml", "- image-tag", 1))
	}))
	s.git("add", "--all")
	s.git("commit", "--quiet", "--message", "Components are directories")
	s.git("push", "--quiet", "origin", strings.Replace(refspec, ":", ":refs/heads/", 1))
	return s.git("rev-parse", "HEAD")
}

func (s *suite) git(args ...string) string {
	s.Helper()
	output, err := s.Repository.Git(args...)
	s.must(err)
	return output
}

// withoutOurs are the plugin's objects without the annotations that it added, which are those that the others lack.
func withoutOurs(ours, theirs []*unstructured.Unstructured) []*unstructured.Unstructured {
	const wave, options = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
	var out []*unstructured.Unstructured
	for i, object := range ours {
		object = object.DeepCopy()
		annotations, stock := object.GetAnnotations(), map[string]string{}
		if i < len(theirs) {
			stock = theirs[i].GetAnnotations()
		}
		if stock[wave] == "" {
			delete(annotations, wave)
		}
		if stock[options] == "" && annotations[options] == "PruneLast=true" {
			delete(annotations, options)
		}
		if len(annotations) == 0 {
			annotations = nil
		}
		object.SetAnnotations(annotations)
		out = append(out, object)
	}
	return out
}
