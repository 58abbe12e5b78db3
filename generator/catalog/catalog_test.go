package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/live/share"
	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// repository is a small config repository: one service with an autoscaler in two environments, and a shared component.
var repository = map[string]string{
	"tidegate.yaml": `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: p, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - {name: staging, clusterSelector: {}}
  - {name: production, clusterSelector: {}}
`,
	"services/api/base/kustomization.yaml": "resources: [deployment.yaml, hpa.yaml]\n",
	"services/api/base/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: api, image: api:1}]}}}
`,
	"services/api/base/hpa.yaml": `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}, maxReplicas: 3}
`,
	"services/api/overlays/staging/kustomization.yaml":    "namespace: api-staging\nresources: [../../base]\n",
	"services/api/overlays/production/kustomization.yaml": "namespace: api-production\nresources: [../../base]\n",
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// counting counts renders.
type counting struct {
	render.Renderer
	renders atomic.Int64
}

func (c *counting) Render(ctx context.Context, request render.Request) (*render.Result, error) {
	c.renders.Add(1)
	return c.Renderer.Render(ctx, request)
}

func openCatalog(t *testing.T, source Source, err error) (*Catalog, *counting) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	renderer := &counting{Renderer: render.NewInProcess()}
	return New(source, renderer), renderer
}

func folderCatalog(t *testing.T, files map[string]string) (*Catalog, *counting, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	source, err := Open(dir, "")
	catalog, renderer := openCatalog(t, source, err)
	return catalog, renderer, dir
}

func read(t *testing.T, catalog *Catalog) *View {
	t.Helper()
	view, err := catalog.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// overlay is the one of the service api.
func overlay(t *testing.T, view *View, environment string) Overlay {
	t.Helper()
	at := slices.IndexFunc(view.Services[0].Overlays, func(o Overlay) bool { return o.Environment == environment })
	if at < 0 {
		t.Fatalf("there is no overlay %s in %v", environment, view.Services)
	}
	return view.Services[0].Overlays[at]
}

var deployment = Workload{Group: "apps", Kind: "Deployment", Name: "api"}

func TestNamespaceAndAutoscaledWorkloadComeFromTheRender(t *testing.T) {
	catalog, _, _ := folderCatalog(t, repository)
	want := Overlay{
		Environment: "staging", Path: "services/api/overlays/staging",
		Facts: Facts{Namespace: "api-staging", Autoscaled: []Workload{deployment}, Known: true, Resources: slices.Sorted(slices.Values([]uint64{
			manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "api-staging", Name: "api"}.Hash(),
			manifest.ID{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "api-staging", Name: "api"}.Hash(),
		}))},
	}
	if diff := cmp.Diff(want, overlay(t, read(t, catalog), "staging")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhateverScalesAWorkloadIsSeen(t *testing.T) {
	for _, test := range []struct {
		name, autoscaler string
		want             []Workload
	}{
		{"nothing", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n", nil},
		{"a rollout", `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}}}`,
			[]Workload{{"argoproj.io", "Rollout", "web"}}},
		{"KEDA", `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a}, spec: {scaleTargetRef: {name: queue}}}`,
			[]Workload{{"apps", "Deployment", "queue"}}},
		{"KEDA, of another kind", `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a}, spec: {scaleTargetRef: {kind: StatefulSet, name: queue}}}`,
			[]Workload{{"apps", "StatefulSet", "queue"}}},
		{"a vertical one", `{apiVersion: autoscaling.k8s.io/v1, kind: VerticalPodAutoscaler, metadata: {name: a}, spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			catalog, _, dir := folderCatalog(t, repository)
			write(t, dir, map[string]string{"services/api/base/hpa.yaml": test.autoscaler})
			if diff := cmp.Diff(test.want, overlay(t, read(t, catalog), "staging").Autoscaled); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOnlyWhatHasChangedIsRenderedAgain(t *testing.T) {
	catalog, renderer, dir := folderCatalog(t, repository)
	read(t, catalog)
	for _, step := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"nothing", nil, 0},
		{"an overlay", map[string]string{"services/api/overlays/staging/kustomization.yaml": "namespace: other\nresources: [../../base]\n"}, 1},
		{"the base of both", map[string]string{"services/api/base/hpa.yaml": strings.Replace(repository["services/api/base/hpa.yaml"], "3", "4", 1)}, 2},
		{"a file that none reads", map[string]string{"README.md": "x", "services/api/notes.txt": "x"}, 0},
		{"a file that was looked for in vain", map[string]string{"services/api/overlays/staging/kustomization.yml": "resources: []\n"}, 1},
		{"the same again", nil, 0},
		{"tidegate.yaml", map[string]string{"tidegate.yaml": repository["tidegate.yaml"] + "sharedFolders: [components]\n"}, 0},
	} {
		write(t, dir, step.files)
		before := renderer.renders.Load()
		view := read(t, catalog)
		if got := int(renderer.renders.Load() - before); got != step.want || view.Rendered != got {
			t.Errorf("%s: %d overlays were rendered again, and %d were said to be; want %d", step.name, got, view.Rendered, step.want)
		}
	}
}

func TestAFileThatAppearsWhereOneWasMissedIsNoticed(t *testing.T) {
	files := map[string]string{"services/api/overlays/staging/kustomization.yaml": "namespace: api-staging\nresources: [../../base, late.yaml]\n"}
	catalog, _, dir := folderCatalog(t, repository)
	write(t, dir, files)
	if broken := overlay(t, read(t, catalog), "staging").Broken; !strings.Contains(broken, "late.yaml") {
		t.Fatalf("the overlay is broken for want of late.yaml, not %q", broken)
	}
	write(t, dir, map[string]string{"services/api/overlays/staging/late.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n"})
	if broken := overlay(t, read(t, catalog), "staging").Broken; broken != "" {
		t.Error(broken)
	}
}

func TestABrokenOverlayKeepsWhatWasKnownOfIt(t *testing.T) {
	const overlayFile = "services/api/overlays/staging/kustomization.yaml"
	for _, test := range []struct {
		name, broken, want string
		noNamespace        bool
		// guess is the namespace where nothing is known from before.
		guess string
	}{
		{"unreadable", "namespace: [\n", "services/api/overlays/staging/kustomization.yaml", false, ""},
		{"a base that is gone", "namespace: api-staging\nresources: [../../gone]\n", "gone", false, "api-staging"},
		{"a namespace that cannot be", "namespace: Api_Staging\nresources: [../../base]\n", `"Api_Staging" cannot be a namespace`, false, ""},
		{
			"a long text that many aliases name", "namespace: api-staging\nx: &x " + strings.Repeat("x", 64<<10) + "\ny: [" + strings.Repeat("*x, ", 5000) + "]\n",
			"its YAML aliases expand to more than 100000 nodes", false, "",
		},
		{"no namespace", "resources: [../../base]\n", "services/api/overlays/staging: the kustomization says no namespace", true, ""},
	} {
		t.Run(test.name+", known from before", func(t *testing.T) {
			catalog, _, dir := folderCatalog(t, repository)
			want := overlay(t, read(t, catalog), "staging")
			write(t, dir, map[string]string{overlayFile: test.broken})
			got := overlay(t, read(t, catalog), "staging")
			if !strings.Contains(got.Broken, test.want) {
				t.Errorf("the cause names %q: %q", test.want, got.Broken)
			}
			want.Broken, want.NoNamespace = got.Broken, test.noNamespace
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if other := overlay(t, read(t, catalog), "production"); other.Broken != "" {
				t.Errorf("the other overlay is broken too: %s", other.Broken)
			}
		})
		t.Run(test.name+", never known", func(t *testing.T) {
			catalog, _, dir := folderCatalog(t, repository)
			write(t, dir, map[string]string{overlayFile: test.broken})
			got := overlay(t, read(t, catalog), "staging").Facts
			want := Facts{Namespace: test.guess, Autoscaled: scalable, Broken: got.Broken, NoNamespace: test.noNamespace}
			if diff := cmp.Diff(want, got); diff != "" || got.Broken == "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestABrokenOverlayIsTriedAgainAfterAWhile(t *testing.T) {
	catalog, renderer, dir := folderCatalog(t, repository)
	write(t, dir, map[string]string{"services/api/overlays/staging/kustomization.yaml": "resources: [gone]\n"})
	now := time.Now()
	catalog.now = func() time.Time { return now }
	for _, step := range []struct {
		later time.Duration
		want  int64
	}{{0, 2}, {time.Second, 0}, {retryBroken, 1}, {time.Second, 0}} {
		now = now.Add(step.later)
		before := renderer.renders.Load()
		read(t, catalog)
		if got := renderer.renders.Load() - before; got != step.want {
			t.Errorf("%v later: %d renders, want %d", step.later, got, step.want)
		}
	}
}

// blocking renders one folder only until the context ends.
type blocking struct {
	render.Renderer
	dir string
}

func (b blocking) Render(ctx context.Context, request render.Request) (*render.Result, error) {
	if request.Dir != b.dir {
		return b.Renderer.Render(context.WithoutCancel(ctx), request)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAFolderThatTakesTooLongIsBrokenAndHoldsUpNoOther(t *testing.T) {
	const why = "services/api/overlays/staging: rendering was stopped, it took more than 1ms"
	for _, known := range []bool{false, true} {
		catalog, _, dir := folderCatalog(t, repository)
		want := Facts{Namespace: "api-staging", Autoscaled: scalable, Broken: why}
		if known {
			want = overlay(t, read(t, catalog), "staging").Facts
			want.Broken = why
			write(t, dir, map[string]string{"services/api/base/hpa.yaml": repository["services/api/base/hpa.yaml"] + "# x\n"})
		}
		catalog.renderer, catalog.renderTime = blocking{catalog.renderer, "services/api/overlays/staging"}, time.Millisecond
		view := read(t, catalog)
		if diff := cmp.Diff(want, overlay(t, view, "staging").Facts); diff != "" {
			t.Errorf("known from before %v: -want +got:\n%s", known, diff)
		}
		if other := overlay(t, view, "production"); other.Broken != "" || !other.Known {
			t.Errorf("known from before %v: the other overlay is broken too: %+v", known, other)
		}
	}
}

func TestFilesFromOutsideTheDeclaredFoldersAreNamed(t *testing.T) {
	catalog, _, dir := folderCatalog(t, repository)
	write(t, dir, map[string]string{
		"services/api/overlays/staging/kustomization.yaml": "namespace: api-staging\nresources: [../../base]\ncomponents: [../../../../components/labels]\n",
		"components/labels/kustomization.yaml":             "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {a: b}}]\n",
	})
	want := []string{"components/labels/kustomization.yaml"}
	if diff := cmp.Diff(want, overlay(t, read(t, catalog), "staging").Outside); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	write(t, dir, map[string]string{"tidegate.yaml": repository["tidegate.yaml"] + "sharedFolders: [components]\n"})
	if got := overlay(t, read(t, catalog), "staging").Outside; got != nil {
		t.Errorf("the folder is declared, and still named: %v", got)
	}
}

func TestWithoutAPlatformNothingIsKnown(t *testing.T) {
	for _, test := range []struct {
		name, want string
		change     func(t *testing.T, dir string)
	}{
		{"missing", "tidegate.yaml is missing at the root of the repository, revision folder-", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "tidegate.yaml")); err != nil {
				t.Fatal(err)
			}
		}},
		{"broken", "tidegate.yaml:1: kind: is \"\"; want Platform", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"tidegate.yaml": "x: y\n"})
		}},
		{"emptied", "there is no folder below services/ or clusters/", func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "services")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			catalog, _, dir := folderCatalog(t, repository)
			read(t, catalog)
			test.change(t, dir)
			view, err := catalog.Read(context.Background())
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v and %v, want the error %s", view, err, test.want)
			}
		})
	}
}

// commit writes files into a working repository and commits everything.
func commit(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	write(t, dir, files)
	repo, err := git.PlainOpen(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err == nil {
		err = tree.AddWithOptions(&git.AddOptions{All: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	hash, err := tree.Commit("change", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	return hash.String()
}

func TestACommitIsReadWhateverLiesInTheWorkingTree(t *testing.T) {
	dir := t.TempDir()
	if _, err := git.PlainInit(dir, false); err != nil {
		t.Fatal(err)
	}
	first := commit(t, dir, repository)
	bare := t.TempDir()
	if _, err := git.PlainClone(bare, true, &git.CloneOptions{URL: dir}); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"services/api/overlays/staging/kustomization.yaml": "broken"})
	for _, test := range []struct{ name, dir, revision string }{
		{"a branch of a working repository", dir, "master"},
		{"a commit of it", dir, first},
		{"a bare repository", bare, ""},
		{"a branch of a bare repository", bare, "master"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source, err := Open(test.dir, test.revision)
			catalog, _ := openCatalog(t, source, err)
			view := read(t, catalog)
			if got := overlay(t, view, "staging"); got.Broken != "" || got.Namespace != "api-staging" || view.Revision != first {
				t.Errorf("%+v at %s, want %s", got, view.Revision, first)
			}
		})
	}
	if _, err := Open(dir, "mian"); err == nil || !strings.Contains(err.Error(), "there is no revision mian") {
		t.Errorf("a revision that is not there: %v", err)
	}
}

func TestANewCommitIsSeenAndOnlyItsChangesAreRendered(t *testing.T) {
	dir := t.TempDir()
	if _, err := git.PlainInit(dir, false); err != nil {
		t.Fatal(err)
	}
	commit(t, dir, repository)
	source, err := Open(dir, "master")
	catalog, _ := openCatalog(t, source, err)
	if got := read(t, catalog).Rendered; got != 2 {
		t.Errorf("%d overlays rendered at first, want 2", got)
	}
	second := commit(t, dir, map[string]string{"services/api/overlays/staging/kustomization.yaml": "namespace: moved\nresources: [../../base]\n"})
	view := read(t, catalog)
	if got := overlay(t, view, "staging").Namespace; got != "moved" || view.Rendered != 1 || view.Revision != second {
		t.Errorf("namespace %s, %d rendered, revision %s", got, view.Rendered, view.Revision)
	}
	if again := read(t, catalog); again.Rendered != 0 {
		t.Errorf("%d rendered of an unchanged commit", again.Rendered)
	}
}

func TestLinksInACommitAreFollowed(t *testing.T) {
	dir := t.TempDir()
	if _, err := git.PlainInit(dir, false); err != nil {
		t.Fatal(err)
	}
	write(t, dir, repository)
	if err := os.Symlink("../../base", filepath.Join(dir, "services/api/overlays/staging/linked")); err != nil {
		t.Fatal(err)
	}
	commit(t, dir, map[string]string{"services/api/overlays/staging/kustomization.yaml": "namespace: api-staging\nresources: [linked]\n"})
	source, err := Open(dir, "HEAD")
	catalog, _ := openCatalog(t, source, err)
	if got := overlay(t, read(t, catalog), "staging"); got.Broken != "" || !slices.Contains(got.Autoscaled, deployment) {
		t.Errorf("%+v", got)
	}
}

func TestReadersAtTheSameTimeShareTheWork(t *testing.T) {
	catalog, renderer, _ := folderCatalog(t, repository)
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := catalog.Read(context.Background())
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := renderer.renders.Load(); got != 2 {
		t.Errorf("%d renders of 2 overlays", got)
	}
}

// panicking is a source, and a renderer, that has a mistake in it.
type panicking struct {
	Source
	render.Renderer
}

func (panicking) Open(context.Context) (*Revision, error) { panic("index out of range") }

func (panicking) Render(context.Context, render.Request) (*render.Result, error) {
	panic("index out of range")
}

// One commit ends every replica, again and again, if this fails.
func TestAPanicIsAnErrorAndEndsNoProcess(t *testing.T) {
	working, _, _ := folderCatalog(t, repository)
	for name, c := range map[string]*Catalog{
		"of the source": New(panicking{}, working.renderer), "of the renderer": New(working.source, panicking{}),
	} {
		for range 2 {
			_, err := c.Read(t.Context())
			var panicked *share.PanicError
			if !errors.As(err, &panicked) || panicked.Cause != "index out of range" || !strings.Contains(string(panicked.Stack), "catalog.panicking.") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
