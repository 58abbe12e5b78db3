package generate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
	"github.com/tidegate/tidegate/plugin/render"
)

// counted counts what kustomize is asked to do.
type counted struct {
	render.Renderer
	renders atomic.Int64
}

func (c *counted) Render(ctx context.Context, request render.Request) (*render.Result, error) {
	c.renders.Add(1)
	return c.Renderer.Render(ctx, request)
}

// shared is what the server makes of a renderer.
func shared(renderer render.Renderer) generate.Generator {
	kept := store.New(1 << 20)
	return generate.Named{Next: generate.Recalled{Store: kept, Next: generate.NewShared(&generate.Limited{
		Next:  recalled(kept, renderer),
		Queue: generate.NewQueue(1),
	})}}
}

var clusters = []string{"a", "b", "c", "d", "e", "f"}

func TestTheApplicationsOfOneOverlayAreRenderedOnce(t *testing.T) {
	renderer := &counted{Renderer: render.NewInProcess()}
	g := shared(renderer)
	errs := make(chan error, len(clusters))
	for _, cluster := range clusters {
		go func() {
			r := request(tree(t, files), "app")
			r.App = "app-" + cluster
			_, err := g.Generate(t.Context(), r)
			errs <- err
		}()
	}
	for range clusters {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := renderer.renders.Load(); n != 1 {
		t.Errorf("%d renders for %d Applications of one overlay", n, len(clusters))
	}
}

func TestAFileForOneApplicationRefusesJustThatOne(t *testing.T) {
	for name, file := range map[string]map[string]string{
		"a file": with(files, "app/.argocd-source-app-c.yaml", "plugin: {parameters: []}\n"),
		"a link": with(with(files, "app/.argocd-source-app-c.yaml", "-> ../other/source.yaml"), "other/source.yaml", "plugin: {}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			renderer := &counted{Renderer: render.NewInProcess()}
			g := shared(renderer)
			committed := tree(t, file)
			// Twice, so that what the others left behind is there for the one.
			for range 2 {
				for _, cluster := range clusters {
					r := request(committed, "app")
					r.App = "app-" + cluster
					_, err := g.Generate(t.Context(), r)
					if refused := err != nil && strings.Contains(err.Error(), ".argocd-source-app-c.yaml"); refused != (cluster == "c") {
						t.Errorf("cluster %s: %v", cluster, err)
					}
				}
			}
			if n := renderer.renders.Load(); n != 1 {
				t.Errorf("%d renders", n)
			}
		})
	}
}

func TestOnlyValuesThatAreUsedMakeARenderAnother(t *testing.T) {
	const object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
	values := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	type ask struct {
		values  map[string]string
		renders int64 // so far, with this one
	}
	for _, test := range []struct {
		name, content string
		asks          []ask
		want          string // in the last answer
	}{
		{"none is used", object, []ask{
			{values("CLUSTER", "a"), 1}, {values("CLUSTER", "b"), 1}, {values("CLUSTER", "b", "REGION", "x"), 1},
			{nil, 2}, // without any value the text stays as it is
			{values("CLUSTER", "c"), 2},
		}, "settings"},
		{"one is used", object + "data: {region: \"${REGION}\"}\n", []ask{
			{values("CLUSTER", "a", "REGION", "x"), 1}, {values("CLUSTER", "b", "REGION", "x"), 1},
			{values("CLUSTER", "b", "REGION", "y"), 2}, {values("REGION", "x"), 2}, {values("REGION", "y"), 2},
		}, `"region":"y"`},
		{"more than are listed", object + "data:\n" + manyVariables(150), []ask{
			{values("CLUSTER", "a", "REGION", "x"), 1}, {values("CLUSTER", "a", "REGION", "x"), 1},
			{values("CLUSTER", "a", "REGION", "y"), 2}, {values("CLUSTER", "b", "REGION", "y"), 3},
		}, `"k149":"y"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			renderer := &counted{Renderer: render.NewInProcess()}
			g := shared(renderer)
			same := tree(t, map[string]string{"app/kustomization.yaml": "resources: [settings.yaml]\n", "app/settings.yaml": test.content})
			var last generate.Result
			for i, ask := range test.asks {
				r := request(same, "app")
				r.Settings = plugin.Defaults()
				r.Settings.Substitutions = ask.values
				if len(ask.values) == 0 {
					r.Settings.Policy = "off"
				}
				got, err := g.Generate(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				if n := renderer.renders.Load(); n != ask.renders {
					t.Errorf("after request %d: %d renders, want %d", i, n, ask.renders)
				}
				last = got
			}
			if !strings.Contains(last.Documents[0], test.want) {
				t.Errorf("the last answer lacks %s: %s", test.want, last.Documents[0])
			}
		})
	}
}

func TestEqualFoldersOfManyRepositoriesDoNotDriveEachOtherOut(t *testing.T) {
	renderer := &counted{Renderer: render.NewInProcess()}
	g := shared(renderer)
	const repositories = 100
	for range 2 {
		for i := range repositories {
			r := request(tree(t, with(files, "app/v1.yaml", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v%d}\n", i))), "app")
			r.App, r.Tenant = fmt.Sprintf("app-%d", i), fmt.Sprintf("https://example.com/%d", i)
			if _, err := g.Generate(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := renderer.renders.Load(); n != repositories {
		t.Errorf("%d renders for %d repositories, each asked twice", n, repositories)
	}
}

// manyVariables are places for REGION.
func manyVariables(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "  k%03d: \"${REGION}\"\n", i)
	}
	return out.String()
}

func TestAVariableThatIsFoundLaterStillCounts(t *testing.T) {
	renderer := &counted{Renderer: render.NewInProcess()}
	g := shared(renderer)
	// Two branches of one folder, which use different values.
	branch := func(variable string) map[string]string {
		return map[string]string{"app/kustomization.yaml": "resources: [settings.yaml]\n",
			"app/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {it: \"${" + variable + "}\"}\n"}
	}
	for i, ask := range []struct{ variable, region, zone string }{
		{"REGION", "r1", "z1"}, {"ZONE", "r1", "z1"}, {"ZONE", "r1", "z2"}, {"REGION", "r2", "z2"}, {"REGION", "r1", "z1"}, {"ZONE", "r1", "z2"},
	} {
		r := request(tree(t, branch(ask.variable)), "app")
		r.Settings.Substitutions = map[string]string{"REGION": ask.region, "ZONE": ask.zone}
		got, err := g.Generate(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		want := `"it":"` + r.Settings.Substitutions[ask.variable] + `"`
		if !strings.Contains(got.Documents[0], want) {
			t.Errorf("request %d got %s, want %s", i, got.Documents[0], want)
		}
	}
}

// tooMuch is a generator that hands everything to a child.
type tooMuch struct{}

func (tooMuch) Generate(context.Context, generate.Request) (generate.Result, error) {
	return generate.Result{}, fmt.Errorf("%w: more than 2000 objects", generate.ErrTooMuch)
}

func TestWhoDoesNotWaitForAChildIsToldWhyThereIsOne(t *testing.T) {
	child := endless{make(chan string, 1)}
	g := generate.NewShared(generate.Escalating{
		InProcess: &generate.Limited{Next: tooMuch{}, Queue: generate.NewQueue(1)},
		InChild:   &generate.Limited{Next: child, Queue: generate.NewQueue(1)},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-child.begun
		cancel()
	}()
	_, err := g.Generate(ctx, request(tree(t, files), "app"))
	var late *generate.LateError
	if !errors.As(err, &late) || late.Reason != "more than 2000 objects" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
