package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// parameters is how large a parameter set is: that of the example is 2.3 KiB.
const parameters = 2400

// large is an Application as Argo CD has it when it has been synced a few times: 30 KiB of JSON.
func large(i int) *v1alpha1.Application {
	out := app(fmt.Sprintf("service-%04d-production", i/4), fmt.Sprintf("services-%d", i%5))
	out.Name += strconv.Itoa(i % 4)
	out.Labels = map[string]string{
		params.ServiceLabel: fmt.Sprintf("service-%04d", i/4), params.EnvironmentLabel: "production", params.BatchLabel: "production-rest",
		params.ClusterLabel: fmt.Sprintf("cluster-%d", i%4), params.KindLabel: params.Services,
	}
	out.Annotations[params.Annotation] = fmt.Sprintf("{%q:%q}", out.Name, strings.Repeat("x", parameters))
	out.Status.Resources, out.ManagedFields = nil, nil
	for n := range 20 {
		name := fmt.Sprintf("%s-%d", out.Name, n)
		out.Status.Resources = append(out.Status.Resources, v1alpha1.ResourceStatus{Group: "apps", Version: "v1", Kind: "Deployment", Name: name, Namespace: name, Status: "Synced"})
		out.Status.History = append(out.Status.History, v1alpha1.RevisionHistory{Revision: strings.Repeat("a", 40), Source: *out.Spec.Source})
		out.Status.OperationState.SyncResult = &v1alpha1.SyncOperationResult{Source: *out.Spec.Source}
		out.ManagedFields = append(out.ManagedFields, metav1.ManagedFieldsEntry{
			Manager: name, FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:` + strings.Repeat("m", 700) + `":{}}`)}})
	}
	return out
}

// apiServer answers with n Applications in pages, as an API server does, keeping none in memory.
func apiServer(tb testing.TB, n int) *rest.Config {
	tb.Helper()
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("watch") != "" {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		list := &v1alpha1.ApplicationList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
		if strings.HasSuffix(r.URL.Path, "/applications") {
			limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
			from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
			for i := from; i < n; i++ {
				if limit > 0 && len(list.Items) == limit {
					list.Continue = strconv.Itoa(i)
					break
				}
				list.Items = append(list.Items, *large(i))
			}
		}
		if err := json.NewEncoder(w).Encode(list); err != nil {
			tb.Error(err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(handler))
	tb.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, QPS: -1}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// hold reads n Applications and tells how many bytes each costs.
func hold(tb testing.TB, n int) int64 {
	tb.Helper()
	client, err := versioned.NewForConfig(apiServer(tb, n))
	if err != nil {
		tb.Fatal(err)
	}
	l := live.New(live.Options{Client: client, Namespace: "argocd"})
	changed := make(chan struct{}, 1)
	l.Notify(changed)
	before := heap()
	ctx, cancel := context.WithCancel(tb.Context())
	var done sync.WaitGroup
	done.Go(func() { l.Run(ctx) })
	for !l.State().Synced {
		<-changed
	}
	each := (heap() - before) / int64(n)
	held := 0
	for i := range 5 {
		seen, _ := l.Seen(fmt.Sprintf("services-%d", i))
		held += len(seen)
	}
	if held != n {
		tb.Fatalf("%d of %d Applications are held", held, n)
	}
	cancel()
	done.Wait()
	return each
}

func TestOfAnApplicationLittleMoreThanItsParametersIsHeldInMemory(t *testing.T) {
	const applications = 1500
	each := hold(t, applications)
	size, err := json.Marshal(large(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes for each Application, whose JSON has %d", each, len(size))
	if each > parameters+2500 {
		t.Errorf("%d bytes are held of each Application", each)
	}
}

func BenchmarkHoldingTenThousandApplications(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(hold(b, 10_000)), "B/application")
	}
}
