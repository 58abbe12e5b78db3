package supersede

import (
	"context"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	versioned "github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/typed/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/settings"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/yaml"
)

// Repository tells what differs between revisions.
type Repository interface {
	// Newest is the newest revision of what a source follows; empty where the repository is another one, or follows
	// another branch or tag.
	Newest(repoURL, targetRevision string) string
	// Doubt is why the repository may not be as it shows itself; empty where it is.
	Doubt() string
	// Differs tells whether anything below the folders differs between two commits; "." is everything. An unknown commit
	// is an error: it will be asked for again.
	Differs(ctx context.Context, from, to string, folders []string) (bool, error)
	// Descends tells whether a commit comes after another one, or is it.
	Descends(ctx context.Context, revision, of string) (bool, error)
}

// Projects tells what sync windows there are.
type Projects interface {
	// Windows are the sync windows of a project as Argo CD sees them, those of its global projects included.
	Windows(ctx context.Context, project string) (v1alpha1.SyncWindows, error)
}

// facts learns what Decide needs. What is not known is an error, and nothing is done.
func (r *Releaser) facts(ctx context.Context, app *v1alpha1.Application) (*Facts, error) {
	source := app.Spec.GetSource()
	from, to := revision(app.Status.OperationState), app.Status.Sync.Revision
	facts := &Facts{Doubt: r.Repository.Doubt(), Newest: r.Repository.Newest(source.RepoURL, source.TargetRevision)}
	var err error
	if facts.Changed, err = r.differs(ctx, app, from, to); err != nil {
		return nil, err
	}
	if facts.Newest != "" {
		if facts.Behind, err = r.differs(ctx, app, to, facts.Newest); err != nil {
			return nil, err
		}
		changed, err := r.differs(ctx, app, from, facts.Newest)
		if err != nil {
			return nil, err
		}
		facts.Restored = !changed
	}
	if !facts.Changed && !marked(app) {
		return facts, nil
	}
	follows := true
	if to != "" {
		if follows, err = r.Repository.Descends(ctx, to, from); err != nil {
			return nil, fmt.Errorf("whether %s follows %s, which Application %s is synced to, is not known: %w", to, from, app.QualifiedName(), err)
		}
	}
	facts.Older = !follows
	windows, err := r.Projects.Windows(ctx, app.Spec.Project)
	if err != nil {
		return nil, fmt.Errorf("the sync windows of Application %s are not known: %w", app.QualifiedName(), err)
	}
	facts.Window = closed(windows, app)
	return facts, nil
}

func (r *Releaser) differs(ctx context.Context, app *v1alpha1.Application, from, to string) (bool, error) {
	if from == to || to == "" {
		return false, nil
	}
	differs, err := r.Repository.Differs(ctx, from, to, Folders(app))
	if err != nil {
		return false, fmt.Errorf("whether files of Application %s differ between %s and %s is not known: %w", app.QualifiedName(), from, to, err)
	}
	return differs, nil
}

// closed says why windows forbid an automated sync; empty if they do not. A window that Argo CD cannot read forbids it.
func closed(windows v1alpha1.SyncWindows, app *v1alpha1.Application) string {
	allowed, err := windows.Matches(app).CanSync(false)
	switch {
	case err != nil:
		return fmt.Sprintf("project %s: %v", app.Spec.Project, err)
	case !allowed:
		return "a sync window of project " + app.Spec.Project + " forbids it"
	}
	return ""
}

// LiveProjects reads projects when they are asked for: that is when an operation is about to be released.
type LiveProjects struct {
	Projects versioned.AppProjectInterface
	// Settings reads ConfigMap argocd-cm, which names the global projects.
	Settings corev1.ConfigMapInterface
}

// Windows does as Argo CD's GetAppVirtualProject (util/argo), which adds the sync windows of global projects. It reads
// them without Argo CD's settings manager, which would cache every Secret of the namespace, and fails where Argo CD would
// go on without a global project.
func (l LiveProjects) Windows(ctx context.Context, name string) (v1alpha1.SyncWindows, error) {
	project, err := l.Projects.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("AppProject %s: %w", name, err)
	}
	globals, err := l.globals(ctx, project)
	if err != nil {
		return nil, err
	}
	windows := project.Spec.SyncWindows
	for _, name := range globals {
		global, err := l.Projects.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("global AppProject %s: %w", name, err)
		}
		windows = append(windows, global.Spec.SyncWindows...)
	}
	return windows, nil
}

func (l LiveProjects) globals(ctx context.Context, project *v1alpha1.AppProject) ([]string, error) {
	const name, key = "argocd-cm", "globalProjects"
	config, err := l.Settings.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s: %w", name, err)
	}
	var global []settings.GlobalProjectSettings
	if err := yaml.Unmarshal([]byte(config.Data[key]), &global); err != nil {
		return nil, fmt.Errorf("ConfigMap %s: %s: %w", name, key, err)
	}
	var names []string
	for i := range global {
		selector, err := metav1.LabelSelectorAsSelector(&global[i].LabelSelector)
		if err != nil {
			return nil, fmt.Errorf("ConfigMap %s: %s: %s: %w", name, key, global[i].ProjectName, err)
		}
		if global[i].ProjectName != project.Name && selector.Matches(labels.Set(project.Labels)) {
			names = append(names, global[i].ProjectName)
		}
	}
	return names, nil
}
