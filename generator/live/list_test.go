package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/tidegate/tidegate/generator/live"
)

// silent is an API server whose watches say nothing: what happens after a list is only in the next one.
type silent struct {
	names atomic.Pointer[[]string]
	// lists and tables are how many were asked for.
	lists, tables atomic.Int32
	// hold is closed when lists may end; nil lets them.
	hold chan struct{}
	// table answers instead of this server, where there is one.
	table http.HandlerFunc
}

func (s *silent) set(names ...string) { s.names.Store(&names) }

func (s *silent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	var answer any = &v1alpha1.ApplicationList{}
	switch {
	case r.URL.Query().Get("watch") != "":
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	case !strings.HasSuffix(r.URL.Path, "/applications"):
	case strings.Contains(r.Header.Get("Accept"), "as=Table"):
		s.tables.Add(1)
		if s.table != nil {
			s.table(w, r)
			return
		}
		answer = s.namesAsTable()
	default:
		s.lists.Add(1)
		if s.hold != nil {
			<-s.hold
		}
		list := &v1alpha1.ApplicationList{}
		for _, name := range *s.names.Load() {
			list.Items = append(list.Items, *app(name, "services"))
		}
		answer = list
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// namesAsTable is what an API server makes of Applications.
func (s *silent) namesAsTable() map[string]any {
	rows := []any{}
	for _, name := range *s.names.Load() {
		rows = append(rows, map[string]any{"cells": []any{name, "Synced", "Healthy"}, "object": nil})
	}
	return map[string]any{"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": map[string]any{"resourceVersion": "9"},
		"columnDefinitions": []any{map[string]any{"name": "Name", "type": "string", "format": "name"}}, "rows": rows}
}

// listening is a Live that knows what a silent API server has now.
func (s *silent) listening(t *testing.T) *live.Live {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := versioned.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	l := live.New(live.Options{Client: client, Namespace: "argocd"})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	wait(t, nil, func() bool { return l.State().Synced })
	return l
}

func TestAWatchThatHasGoneSilentIsNoticedBeforeAnythingIsAnswered(t *testing.T) {
	for _, test := range []struct {
		name string
		now  []string
		want bool
	}{
		{"nothing has happened", []string{"web", "api"}, true},
		{"one has come", []string{"api", "new", "web"}, false},
		{"one is gone", []string{"api"}, false},
		{"one is gone, another one has come", []string{"api", "new"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &silent{}
			s.set("api", "web")
			l := s.listening(t)
			s.set(test.now...)
			if _, trusted := l.Seen("services"); !trusted {
				t.Error("the informer has noticed by itself")
			}
			if complete, err := l.Complete(t.Context()); complete != test.want || err != nil {
				t.Errorf("%t, %v", complete, err)
			}
		})
	}
}

func TestNamesThatMayNotBeReadAreAnErrorThatSaysWhoLacksWhat(t *testing.T) {
	s := &silent{table: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,`+
			`"message":"applications.argoproj.io is forbidden: User \"tidegate\" cannot list resource \"applications\""}`)
	}}
	s.set("api")
	complete, err := s.listening(t).Complete(t.Context())
	if complete || !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `User "tidegate" cannot list resource "applications"`) {
		t.Errorf("%t, %v", complete, err)
	}
}

func TestNamesThatCannotBeReadAreAnErrorAndNotNone(t *testing.T) {
	for name, body := range map[string]string{
		"no table":           `{"kind":"ApplicationList","apiVersion":"argoproj.io/v1alpha1","items":[]}`,
		"only a part of it":  `{"kind":"Table","metadata":{"continue":"x"},"columnDefinitions":[{"format":"name"}],"rows":[{"cells":["api"]}]}`,
		"other columns":      `{"kind":"Table","columnDefinitions":[{"format":"date"}],"rows":[{"cells":["api"]}]}`,
		"a row without name": `{"kind":"Table","columnDefinitions":[{"format":"name"}],"rows":[{"cells":[]}]}`,
		"a name of no text":  `{"kind":"Table","columnDefinitions":[{"format":"name"}],"rows":[{"cells":[7]}]}`,
		"no JSON":            `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			s := &silent{table: func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }}
			s.set("api")
			if complete, err := s.listening(t).Complete(t.Context()); complete || err == nil {
				t.Errorf("%t, %v", complete, err)
			}
		})
	}
}

func TestEightyWhoAskAtOnceListAllApplicationsTwice(t *testing.T) {
	s := &silent{}
	s.set("api", "web")
	l := s.listening(t)
	before := s.lists.Load()
	s.hold = make(chan struct{})
	ask := func() {
		if all, err := l.Applications(t.Context()); err != nil || len(all.Of("services")) != 2 {
			t.Errorf("%v, %v", all, err)
		}
	}
	var all, asked sync.WaitGroup
	all.Go(ask)
	wait(t, nil, func() bool { return s.lists.Load() == before+1 })
	for range 79 {
		asked.Add(1)
		all.Go(func() { asked.Done(); ask() })
	}
	asked.Wait()
	close(s.hold)
	all.Wait()
	// One that is slow to ask may come when both have ended.
	if lists := s.lists.Load() - before; lists < 2 || lists > 10 {
		t.Errorf("%d lists for 80 who asked", lists)
	}
}
