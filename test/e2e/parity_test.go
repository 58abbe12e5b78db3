//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/test/controlplane"
)

// parity compares, for every Application of the plugin, what the plugin makes of its overlay with what Argo CD's own
// kustomize source makes of it.
func (s *suite) parity() {
	s.Helper()
	names := slices.Sorted(maps.Keys(s.byPlugin()))
	if len(names) == 0 {
		s.Fatal("there is nothing to compare")
	}
	s.parityOf(names...)
}

// parityOf does so for some Applications, both through the same repo-server. The clone is left alone: others may be about
// to commit in it.
func (s *suite) parityOf(names ...string) {
	s.Helper()
	stock := s.stockRepository()
	for _, name := range names {
		app := s.application(name)
		ours, err := s.ArgoCD.Manifests(s.Context(), stock.revision, app)
		s.must(err)
		revision := s.pushForStockKustomize(stock, app)
		app.Spec.Source.Plugin = nil
		theirs, err := s.ArgoCD.Manifests(s.Context(), revision, app)
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

// stockRepository is a clone of the repository with what stock kustomize takes, of which the last commit is the revision
// that it was made from.
type stockRepository struct {
	*controlplane.Repository
	revision string
	// pushed are the commits that were made of it, by the substitutions in them.
	pushed map[string]string
}

func (s *suite) stockRepository() *stockRepository {
	s.Helper()
	stock := &stockRepository{Repository: &controlplane.Repository{Work: s.TempDir()}, pushed: map[string]string{}}
	stock.git(s, "clone", "--quiet", s.Repository.Bare, ".")
	stock.git(s, "config", "user.name", "A developer")
	stock.git(s, "config", "user.email", "developer@example.com")
	stock.git(s, "config", "commit.gpgsign", "false")
	stock.revision = stock.git(s, "rev-parse", "HEAD")
	return stock
}

func (s *suite) git(args ...string) string {
	s.Helper()
	output, err := s.Repository.Git(args...)
	s.must(err)
	return output
}

func (r *stockRepository) git(s *suite, args ...string) string {
	s.Helper()
	output, err := r.Git(args...)
	s.must(err)
	return output
}

// pushForStockKustomize commits what an Application's source is to stock kustomize, pushes it aside, and returns the
// commit: every component that is a file is the directory that it takes, and the values of variables are in the manifests.
func (s *suite) pushForStockKustomize(stock *stockRepository, app *v1alpha1.Application) string {
	s.Helper()
	substitutions := substitutionsOf(app)
	key := ""
	if len(substitutions) > 0 {
		key = fmt.Sprint(app.Spec.Source.Path, substitutions)
	}
	if revision := stock.pushed[key]; revision != "" {
		return revision
	}
	stock.git(s, "checkout", "--quiet", "--detach", stock.revision)
	s.must(stock.componentsAsDirectories())
	if len(substitutions) > 0 {
		for _, folder := range strings.Split(app.Annotations[v1alpha1.AnnotationKeyManifestGeneratePaths], ";") {
			s.must(stock.substitute(folder, substitutions))
		}
	}
	stock.git(s, "add", "--all")
	stock.git(s, "commit", "--quiet", "--allow-empty", "--message", "For stock kustomize, "+s.Name())
	revision := stock.git(s, "rev-parse", "HEAD")
	stock.git(s, "push", "--quiet", "origin", "HEAD:refs/heads/stock-"+revision)
	stock.pushed[key] = revision
	return revision
}

func (r *stockRepository) componentsAsDirectories() error {
	return filepath.WalkDir(r.Work, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "image-tag.yaml" {
			return err
		}
		overlay, err := filepath.Rel(r.Work, filepath.Dir(path))
		if err != nil {
			return err
		}
		content, err := r.Read(overlay + "/image-tag.yaml")
		if err != nil {
			return err
		}
		kustomization, err := r.Read(overlay + "/kustomization.yaml")
		if err != nil {
			return err
		}
		component := strings.NewReplacer("kind: Kustomization", "kind: Component", "v1beta1", "v1alpha1").Replace(content)
		return errors.Join(
			r.Write(overlay+"/image-tag/kustomization.yaml", component), r.Remove(overlay+"/image-tag.yaml"),
			r.Write(overlay+"/kustomization.yaml", strings.Replace(kustomization, "- image-tag.yaml", "- image-tag", 1)),
		)
	})
}

// substitute writes the values of variables into the files of a folder.
func (r *stockRepository) substitute(folder string, values map[string]string) error {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "${"+name+"}", value)
	}
	replacer := strings.NewReplacer(pairs...)
	return filepath.WalkDir(filepath.Join(r.Work, folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		file, err := filepath.Rel(r.Work, path)
		if err != nil {
			return err
		}
		content, err := r.Read(file)
		return errors.Join(err, r.Write(file, replacer.Replace(content)))
	})
}

// substitutionsOf are the values of variables that an Application gives to the plugin.
func substitutionsOf(app *v1alpha1.Application) map[string]string {
	for _, parameter := range app.Spec.Source.Plugin.Parameters {
		if parameter.Name == "substitutions" && parameter.OptionalMap != nil {
			return parameter.Map
		}
	}
	return nil
}

// withoutOurs are the plugin's objects without the annotations that it may add, where the others lack them.
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
		if stock[options] == "" && annotations[options] == "PruneLast=true" && generatedByKustomize(object) {
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

// hashed is how the names end that kustomize gives to what it generates.
var hashed = regexp.MustCompile(`-[2456789bcdfghkmt]{10}$`)

// generatedByKustomize says whether an object has a new name whenever its content changes: the only ones of which the old one
// is to be kept until the last.
func generatedByKustomize(object *unstructured.Unstructured) bool {
	kind := object.GroupVersionKind().GroupKind().String()
	return (kind == "ConfigMap" || kind == "Secret") && hashed.MatchString(object.GetName())
}
