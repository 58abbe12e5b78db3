package generate_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
	"github.com/tidegate/tidegate/plugin/render"
)

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	render.Lockdown()
	os.Exit(m.Run())
}

// tree makes a tree of these files; "-> x" is a link to x.
func tree(t testing.TB, files map[string]string) *archive.Tree {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name]))}
		target, isLink := strings.CutPrefix(files[name], "-> ")
		if isLink {
			header = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
		}
		if err := pack.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if !isLink {
			if _, err := pack.Write([]byte(files[name])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(pack.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	made, err := archive.Unpack(context.Background(), &out, archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func with(files map[string]string, name, content string) map[string]string {
	changed := maps.Clone(files)
	changed[name] = content
	return changed
}

func request(t *archive.Tree, dir string) generate.Request {
	return generate.Request{Tree: t, Place: ".", Dir: dir, Settings: plugin.Defaults()}
}

var files = map[string]string{
	"base/kustomization.yaml":  "resources: [app.yaml]\n",
	"base/app.yaml":            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n",
	"app/kustomization.yaml":   "resources: [../base, latest.yaml]\n",
	"app/latest.yaml":          "-> v1.yaml",
	"app/v1.yaml":              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v1}\n",
	"app/v2.yaml":              "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v2}\n",
	"other/kustomization.yaml": "resources: []\n",
}

func cached() generate.Generator {
	return recalled(store.New(1<<20), render.NewInProcess())
}

// recalled renders what the store does not know, and keeps it there.
func recalled(kept *store.Store, renderer render.Renderer) generate.Generator {
	return generate.Recalled{Store: kept, Next: generate.Kept{Store: kept, Next: generate.Runner{Renderer: renderer, From: generate.FromRender}}}
}

func TestARenderIsUsedAgainExactlyWhileWhatItReadIsTheSame(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  generate.Source
	}{
		{"nothing changed", files, generate.FromCache},
		{"another service changed", with(files, "other/kustomization.yaml", "resources: [x]\n"), generate.FromCache},
		{"a file appeared that nobody looks for", with(files, "app/readme.md", ""), generate.FromCache},
		{"a resource changed", with(files, "base/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: changed}\n"), generate.FromRender},
		{"a link changed", with(files, "app/latest.yaml", "-> v2.yaml"), generate.FromRender},
		{"a link became a file", with(files, "app/latest.yaml", files["app/v1.yaml"]), generate.FromRender},
		{"the link's target changed", with(files, "app/v1.yaml", files["app/v2.yaml"]), generate.FromRender},
		{"a file appeared that was looked for", with(files, "app/.argocd-source.yaml", "{}"), generate.FromRender},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cached()
			if _, err := c.Generate(t.Context(), request(tree(t, files), "app")); err != nil {
				t.Fatal(err)
			}
			changed := request(tree(t, test.files), "app")
			got, err := c.Generate(t.Context(), changed)
			if err != nil {
				t.Fatal(err)
			}
			if got.From != test.want {
				t.Errorf("it came from %s, want %s", got.From, test.want)
			}
			alone, err := cached().Generate(t.Context(), changed)
			if err != nil || !slices.Equal(got.Documents, alone.Documents) {
				t.Errorf("got %q, alone %q, %v", got.Documents, alone.Documents, err)
			}
		})
	}
}

func TestARenderIsNotUsedForOtherSettings(t *testing.T) {
	c, first := cached(), request(tree(t, files), "app")
	if _, err := c.Generate(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*generate.Request){
		"application":  func(r *generate.Request) { r.App = "other" },
		"namespace":    func(r *generate.Request) { r.Settings.Namespace = "other" },
		"substitution": func(r *generate.Request) { r.Settings.Substitutions = map[string]string{"A": "b"} },
		"prefix":       func(r *generate.Request) { r.Settings.Overrides.NamePrefix = "blue-" },
		"waves":        func(r *generate.Request) { r.Settings.Waves = "off" },
		"place":        func(r *generate.Request) { r.Place, r.Dir = "services", "services/app" },
	} {
		t.Run(name, func(t *testing.T) {
			changed := first
			change(&changed)
			got, err := c.Generate(t.Context(), changed)
			if err != nil || got.From != generate.FromRender {
				t.Errorf("it came from %s, %v", got.From, err)
			}
		})
	}
}

func TestAnErrorIsNotRemembered(t *testing.T) {
	c := cached()
	broken := request(tree(t, with(files, "app/kustomization.yaml", "resources: [gone.yaml]\n")), "app")
	for range 2 {
		if _, err := c.Generate(t.Context(), broken); err == nil {
			t.Error("rendered")
		}
	}
	if got, err := c.Generate(t.Context(), request(tree(t, files), "app")); err != nil || got.From != generate.FromRender {
		t.Errorf("after the repair it came from %s, %v", got.From, err)
	}
}

// held is a generator that waits until the test lets it go on.
type held struct {
	begun   chan context.Context
	release chan error
}

func newHeld() held { return held{make(chan context.Context, 100), make(chan error)} }

func (h held) Generate(ctx context.Context, _ generate.Request) (generate.Result, error) {
	h.begun <- ctx
	select {
	case err := <-h.release:
		if err != nil {
			return generate.Result{}, err
		}
		return generate.Result{Manifests: &generate.Manifests{Documents: []string{"{}"}}, From: generate.FromRender}, nil
	case <-ctx.Done():
		return generate.Result{}, ctx.Err()
	}
}

func TestSimultaneousEqualRequestsAreRenderedOnce(t *testing.T) {
	same := tree(t, files)
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		shared := generate.NewShared(h)
		results := make(chan generate.Result, 10)
		for range cap(results) {
			go func() {
				result, err := shared.Generate(t.Context(), request(same, "app"))
				if err != nil {
					t.Error(err)
				}
				results <- result
			}()
		}
		synctest.Wait()
		if n := len(h.begun); n != 1 {
			t.Fatalf("%d renders have begun", n)
		}
		h.release <- nil
		sources := map[generate.Source]int{}
		for range cap(results) {
			sources[(<-results).From]++
		}
		if sources[generate.FromRender] != 1 || sources[generate.FromFlight] != cap(results)-1 {
			t.Errorf("they came from %v", sources)
		}
	})
}

func TestARenderGoesOnWhileAnybodyWaitsForIt(t *testing.T) {
	same := tree(t, files)
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		shared := generate.NewShared(h)
		first, giveUp := context.WithCancel(t.Context())
		second, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		for _, ctx := range []context.Context{first, second} {
			go func() {
				_, err := shared.Generate(ctx, request(same, "app"))
				errs <- err
			}()
			synctest.Wait()
		}
		rendering := <-h.begun
		giveUp()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		if rendering.Err() != nil {
			t.Error("the render ended although somebody waits")
		}
		cancel()
		<-errs
		synctest.Wait()
		if rendering.Err() == nil {
			t.Error("the render goes on for nobody")
		}
	})
}

func TestAPanicIsAnErrorOfOneRequest(t *testing.T) {
	runner := generate.Runner{Renderer: panicking{}}
	_, err := runner.Generate(t.Context(), request(tree(t, files), "app"))
	var panicked *generate.PanicError
	if !errors.As(err, &panicked) || len(panicked.Stack) == 0 {
		t.Errorf("got %v", err)
	}
}

type panicking struct{}

func (panicking) Render(context.Context, render.Request) (*render.Result, error) { panic("oops") }

func TestWhoAsksForManyWaitsBehindWhoAsksForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := generate.NewQueue(1)
		leave, err := queue.Enter(t.Context(), "greedy", "")
		if err != nil {
			t.Fatal(err)
		}
		order := line(t, queue, leave, "greedy", "greedy", "greedy", "modest", "other")
		if want := "modest other greedy greedy greedy"; order != want {
			t.Errorf("the order is %q, want %s", order, want)
		}
	})
}

func TestWhoHasAPlaceWaitsBehindWhoHasNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := generate.NewQueue(2)
		slow, err := queue.Enter(t.Context(), "greedy", "")
		if err != nil {
			t.Fatal(err)
		}
		leave, err := queue.Enter(t.Context(), "other", "")
		if err != nil {
			t.Fatal(err)
		}
		if order := line(t, queue, leave, "greedy/a", "greedy/b", "modest/a"); order != "modest/a greedy/a greedy/b" {
			t.Errorf("the order is %q", order)
		}
		slow()
	})
}

func TestAnApplicationThatAsksForManyWaitsBehindTheOthersOfItsRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := generate.NewQueue(1)
		leave, err := queue.Enter(t.Context(), "shared", "greedy")
		if err != nil {
			t.Fatal(err)
		}
		order := line(t, queue, leave, "shared/greedy", "shared/greedy", "shared/greedy", "shared/modest", "shared/modest", "shared/other")
		if want := "shared/greedy shared/modest shared/other shared/greedy shared/modest shared/greedy"; order != want {
			t.Errorf("the order is %q, want %s", order, want)
		}
	})
}

// line is the order in which those who wait get the place that is left, each for a moment.
func line(t *testing.T, queue *generate.Queue, leave func(), askers ...string) string {
	var order []string
	for _, asker := range askers {
		tenant, app, _ := strings.Cut(asker, "/")
		go func() {
			leave, err := queue.Enter(t.Context(), tenant, app)
			if err != nil {
				t.Error(err)
			}
			order = append(order, asker)
			leave()
		}()
		synctest.Wait()
	}
	leave()
	synctest.Wait()
	return strings.Join(order, " ")
}

func TestWhoLeavesTheQueueTakesNoPlaceWithHim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := generate.NewQueue(1)
		leave, _ := queue.Enter(t.Context(), "a", "")
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := queue.Enter(ctx, "b", "")
			gone <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		leave()
		leave() // twice is once
		first, err := queue.Enter(t.Context(), "c", "")
		if err != nil {
			t.Fatal(err)
		}
		defer first()
		full, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := queue.Enter(full, "d", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one place was given to two: %v", err)
		}
	})
}

func TestARenderThatCannotBeStoppedDoesNotStallOthers(t *testing.T) {
	slow, quick := tree(t, files), tree(t, with(files, "x", ""))
	synctest.Test(t, func(t *testing.T) {
		h := newHeld()
		l := &generate.Limited{Next: h, Queue: generate.NewQueue(1), Hold: time.Second}
		done := make(chan error, 2)
		for _, tr := range []*archive.Tree{slow, quick} {
			go func() {
				_, err := l.Generate(t.Context(), request(tr, "app"))
				done <- err
			}()
			synctest.Wait()
		}
		if len(h.begun) != 1 {
			t.Fatalf("%d have begun with one place", len(h.begun))
		}
		time.Sleep(time.Second) // the bubble's clock
		synctest.Wait()
		if len(h.begun) != 2 {
			t.Error("the other still waits")
		}
		if all, overdue := l.Running(); all != 2 || overdue != 1 {
			t.Errorf("%d run, %d overdue", all, overdue)
		}
		h.release <- nil
		h.release <- nil
		if err := errors.Join(<-done, <-done); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if all, overdue := l.Running(); all != 0 || overdue != 0 {
			t.Errorf("at the end %d run, %d overdue", all, overdue)
		}
	})
}

// Who waits in the line does not know yet how many of those before him will be overdue.
func TestWhoWaitedWhileOthersBecameOverdueIsRenderedInAnotherProcess(t *testing.T) {
	waiting := []*archive.Tree{tree(t, files), tree(t, with(files, "x", "")), tree(t, with(files, "y", "")), tree(t, with(files, "z", ""))}
	synctest.Test(t, func(t *testing.T) {
		here, child := newHeld(), newHeld()
		inProcess := &generate.Limited{Next: here, Queue: generate.NewQueue(1), Hold: time.Second, MaxOverdue: 1}
		e := generate.Escalating{InProcess: inProcess, InChild: &generate.Limited{Next: child, Queue: generate.NewQueue(9)}}
		done := make(chan error, len(waiting))
		for i, tr := range waiting {
			go func() {
				r := request(tr, "app")
				r.Asker = fmt.Sprint(i)
				_, err := e.Generate(t.Context(), r)
				done <- err
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute) // the bubble's clock
		synctest.Wait()
		if all, overdue := inProcess.Running(); all != 1 || overdue != 1 || len(child.begun) != len(waiting)-1 {
			t.Errorf("%d render in this process, of which %d are overdue and 1 may be, and %d in others", all, overdue, len(child.begun))
		}
		for range len(here.begun) {
			here.release <- nil
		}
		for range len(child.begun) {
			child.release <- nil
		}
		for range waiting {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWhatIsTooMuchForThisProcessIsRenderedInAnother(t *testing.T) {
	inProcess := &generate.Limited{Next: generate.Runner{Renderer: render.NewInProcess(), From: generate.FromRender}, Queue: generate.NewQueue(1)}
	inChild := &generate.Limited{Next: generate.Runner{Renderer: render.Child{}, From: generate.FromChild}, Queue: generate.NewQueue(1)}
	e := generate.Escalating{InProcess: inProcess, InChild: inChild}
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	// As many documents as there may be objects. All but one are empty: kustomize takes half a minute for as many objects.
	many := object + strings.Repeat("---\n", render.DefaultLimits().Objects)
	for _, test := range []struct {
		name  string
		files map[string]string
		want  generate.Source
	}{
		{"small", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object}, generate.FromRender},
		{"what may be many objects", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": many}, generate.FromChild},
		{"a schema of its own", map[string]string{"kustomization.yaml": "resources: [a.yaml]\nopenapi: {version: v1.21.2}\n", "a.yaml": object}, generate.FromChild},
		{"a schema in another spelling", map[string]string{"kustomization.yaml": "{resources: [a.yaml], \"OpenAPI\" : {version: v1.21.2}}\n", "a.yaml": object}, generate.FromChild},
		{"what may grow", map[string]string{"kustomization.yaml": "resources: [a.yaml]\ntransformers: [t]\n", "a.yaml": object,
			"t/kustomization.yaml": "resources: [t.yaml]\n", "t/t.yaml": "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: x}\nprefix: x-\nfieldSpecs: [{path: metadata/name}]\n"}, generate.FromChild},
		{"the word alone", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": object + "data: {openAPIV3Schema: x}\n"}, generate.FromRender},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := e.Generate(t.Context(), request(tree(t, test.files), "."))
			if err != nil || got.From != test.want {
				t.Errorf("it came from %s, %v, want %s", got.From, err, test.want)
			}
		})
	}
}

// TestEachFindingNamesItsFile: the files of many findings are looked for when the render is over.
func TestEachFindingNamesItsFile(t *testing.T) {
	const objects = 40
	many := map[string]string{}
	list := "namePrefix: a-\nresources:\n"
	for i := range objects {
		many[fmt.Sprintf("app/%d.yaml", i)] = fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: p%d}\nspec: {containers: [{name: a, image: a}]}\n", i)
		list += fmt.Sprintf("- %d.yaml\n", i)
	}
	many["app/kustomization.yaml"] = list
	runner := generate.Runner{Renderer: render.NewInProcess(), From: generate.FromRender}
	result, err := runner.Generate(t.Context(), request(tree(t, many), "app"))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Documents) != objects || len(result.Warnings) != objects {
		t.Errorf("got %d documents and the warnings %q", len(result.Documents), result.Warnings)
	}
	for i := range objects {
		want := fmt.Sprintf("app/%d.yaml:1: Pod a-p%d: ", i, i)
		if !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.HasPrefix(w, want) }) {
			t.Errorf("nothing begins with %q", want)
		}
	}
}
