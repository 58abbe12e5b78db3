package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/tidegate/tidegate/generator/live/share"
	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/plugin/render"
)

// Catalog reads a source, and remembers what it has rendered.
type Catalog struct {
	source   Source
	renderer render.Renderer
	now      func() time.Time
	// renderTime is how long the render of one folder may take.
	renderTime time.Duration

	// flight lets one caller at a time do the work; what follows belongs to that one.
	flight singleflight.Group
	view   *View
	retry  time.Time
	// learned and good are by folder: the last render, and the last one that succeeded.
	learned, good map[string]*learned
}

// New returns the catalog of a source. The renderer is asked for what has not been rendered before, by several callers at
// once.
func New(source Source, renderer render.Renderer) *Catalog {
	return &Catalog{source: source, renderer: renderer, now: time.Now, renderTime: renderTime}
}

// Read returns the newest view. Callers at the same time share the work, which goes on when one of them leaves. The error
// means that nothing certain is known of the repository: the source cannot be read, or what it holds is no config
// repository.
func (c *Catalog) Read(ctx context.Context) (*View, error) {
	result := c.flight.DoChan("", func() (_ any, err error) {
		defer share.Recover(&err) // or one commit would end every replica
		return c.read(context.WithoutCancel(ctx))
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*View), nil
	}
}

func (c *Catalog) read(ctx context.Context) (*View, error) {
	revision, err := c.source.Open(ctx)
	if err != nil {
		return nil, err
	}
	if c.view != nil && c.view.Revision == revision.ID && (c.retry.IsZero() || c.now().Before(c.retry)) {
		if c.view.Rendered > 0 {
			again := *c.view
			again.Rendered = 0
			c.view = &again
		}
		return c.view, nil
	}
	content, err := revision.Tree.ReadFile(platform.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing at the root of the repository, revision %s", platform.File, revision.ID)
	}
	if err != nil {
		return nil, err
	}
	declared, err := platform.Parse(platform.File, content)
	if err != nil {
		return nil, err
	}
	layout, err := platform.Discover(revision.Tree)
	if err != nil {
		return nil, err
	}
	view := newView(revision.ID, declared, layout)
	if err := c.fill(ctx, revision.Tree, view); err != nil {
		return nil, err
	}
	c.view = view
	return view, nil
}

func newView(revision string, declared *platform.Platform, layout *platform.Layout) *View {
	view := &View{Revision: revision, Platform: declared}
	for _, folder := range layout.Services {
		service := Service{Name: folder.Name}
		for _, environment := range folder.Overlays {
			service.Overlays = append(service.Overlays, Overlay{
				Environment: environment,
				Path:        path.Join(platform.ServicesFolder, folder.Name, platform.OverlaysFolder, environment),
			})
		}
		view.Services = append(view.Services, service)
	}
	for _, cluster := range layout.Clusters {
		view.Clusters = append(view.Clusters, ClusterConfig{
			Cluster: cluster, Path: path.Join(platform.ClustersFolder, cluster, platform.ClusterConfigFolder),
		})
	}
	return view
}

// folder is one to be rendered: where what is learnt goes, and from where it may read.
type folder struct {
	dir      string
	facts    *Facts
	declared []string
	// cluster says that it is a cluster's configuration, which needs no namespace.
	cluster bool
}

func foldersOf(view *View) []folder {
	var out []folder
	for i := range view.Services {
		service := &view.Services[i]
		declared := view.Platform.Folders(service.Name)
		for j := range service.Overlays {
			overlay := &service.Overlays[j]
			out = append(out, folder{overlay.Path, &overlay.Facts, declared, false})
		}
	}
	for i := range view.Clusters {
		cluster := &view.Clusters[i]
		out = append(out, folder{cluster.Path, &cluster.Facts, view.Platform.ClusterFolders(cluster.Cluster), true})
	}
	return out
}

// fill renders what has changed.
func (c *Catalog) fill(ctx context.Context, tree Tree, view *View) error {
	folders, now := foldersOf(view), c.now()
	results := make([]*learned, len(folders))
	var rendered atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, folder := range folders {
		if known := c.learned[folder.dir]; known.current(tree, now) {
			results[i] = known
			continue
		}
		group.Go(func() (err error) {
			defer share.Recover(&err)
			rendered.Add(1)
			results[i], err = c.learn(ctx, tree, folder)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	view.Rendered = int(rendered.Load())
	c.remember(tree, folders, results)
	return nil
}

// remember hands out the facts, and forgets folders that are gone.
func (c *Catalog) remember(tree Tree, folders []folder, results []*learned) {
	learnt, good := make(map[string]*learned, len(folders)), make(map[string]*learned, len(folders))
	c.retry = time.Time{}
	for i, folder := range folders {
		result, last := results[i], c.good[folder.dir]
		learnt[folder.dir] = result
		switch {
		case result.err == "":
			last = result
			*folder.facts = result.facts
		case last != nil:
			*folder.facts = last.facts
		default:
			*folder.facts = guessed(tree, folder.dir)
		}
		if last != nil {
			good[folder.dir] = last
		}
		if result.err != "" {
			folder.facts.Broken, folder.facts.NoNamespace = result.err, result.noNamespace
			if again := result.at.Add(retryBroken); c.retry.IsZero() || again.Before(c.retry) {
				c.retry = again
			}
		}
		folder.facts.Outside = slices.Clip(outside(result.files, folder.declared))
	}
	c.learned, c.good = learnt, good
}
