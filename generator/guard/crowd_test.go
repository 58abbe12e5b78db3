package guard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/manifests"
)

// crowded is an API server in memory, with any ApplicationSet that is asked for and no Application.
type crowded struct {
	t           *testing.T
	lists, gets atomic.Int32
	// open is closed when lists may end.
	open chan struct{}
}

func (c *crowded) RoundTrip(r *http.Request) (*http.Response, error) {
	var object any = v1alpha1.ApplicationList{}
	switch dir, name := path.Split(r.URL.Path); {
	case name == "applications":
		c.lists.Add(1)
		<-c.open
		time.Sleep(time.Second) // the bubble's: whoever asks meanwhile has asked before it ends
	case strings.HasSuffix(dir, "/applicationsets/"):
		c.gets.Add(1)
		var set v1alpha1.ApplicationSet
		if err := yaml.UnmarshalStrict(manifests.Services, &set); err != nil {
			return nil, err
		}
		set.Name = name
		object = set
	default:
		c.t.Errorf("%s %s is asked for", r.Method, r.URL)
	}
	body, err := json.Marshal(object)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(string(body))), ContentLength: int64(len(body)),
	}, err
}

// reading counts how often the repository is read: once for each time that an answer is worked out.
type reading struct {
	*world
	count atomic.Int32
}

func (r *reading) Read(ctx context.Context) (*catalog.View, error) {
	r.count.Add(1)
	return r.world.Read(ctx)
}

// livelike is what is live, but what only an informer knows, which knows nothing yet.
type livelike struct{ *live.Live }

// The API server is asked for all Applications as often as there are ApplicationSets, or requests, if this fails.
func TestEightyApplicationSetsThatAreAskedForTwoHundredTimesAtOnceShareTheWork(t *testing.T) {
	const sets, requests = 80, 200
	synctest.Test(t, func(t *testing.T) {
		api := &crowded{t: t, open: make(chan struct{})}
		client, err := versioned.NewForConfig(&rest.Config{Host: "http://api", Transport: api, QPS: -1})
		if err != nil {
			t.Fatal(err)
		}
		w := &reading{world: newWorld(t, "api", "web")}
		g := guard.New(guard.Options{
			Repository: w, Fleet: w, Live: livelike{live.New(live.Options{Client: client, Namespace: "argocd"})}, Policy: admission.DefaultPolicy(),
		})
		var all sync.WaitGroup
		for i := range requests {
			all.Go(func() {
				answer, err := g.Answer(t.Context(), generator.Request{ApplicationSet: fmt.Sprintf("services-%d", i%sets)})
				if err != nil || answer.Count != 4 {
					t.Errorf("%v, %v", answer, err)
				}
			})
		}
		// Everybody has asked, and waits.
		synctest.Wait()
		if lists, gets := api.lists.Load(), api.gets.Load(); lists != 1 || gets != sets {
			t.Errorf("while all wait there are %d lists and %d reads of ApplicationSets, want 1 and %d", lists, gets, sets)
		}
		close(api.open)
		all.Wait()
		// Of each ApplicationSet one answer had begun when the others asked, who share the next.
		if lists, gets, computed := api.lists.Load(), api.gets.Load(), w.count.Load(); lists > 4 || gets > 2*sets || computed > 2*sets {
			t.Errorf("%d lists, %d reads of ApplicationSets and %d computations for %d requests", lists, gets, computed, requests)
		}
	})
}
