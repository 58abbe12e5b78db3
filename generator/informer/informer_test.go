package informer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/tidegate/tidegate/generator/informer"
)

// kept is a ConfigMap without anything but its name.
type kept struct {
	metav1.ObjectMeta
}

func (k *kept) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
func (k *kept) DeepCopyObject() runtime.Object   { return k }

// server stands in for an API server whose behaviour a test can choose, down to the minute at which a watch ends.
type server struct {
	mu       sync.Mutex
	names    []string
	version  int
	listErr  error
	watchErr error
	// expired says that a watch opens and then says that it cannot go on.
	expired bool
	mute    bool
	lists   []metav1.ListOptions
	open    []*watch.RaceFreeFakeWatcher
	// opened is how many watches were.
	opened int
}

func (s *server) list(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists = append(s.lists, options)
	if s.listErr != nil {
		return nil, s.listErr
	}
	list := &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: strconv.Itoa(s.version)}}
	from, _ := strconv.Atoi(options.Continue)
	for i := from; i < len(s.names); i++ {
		if options.Limit > 0 && int64(len(list.Items)) == options.Limit {
			list.Continue = strconv.Itoa(i)
			break
		}
		list.Items = append(list.Items, *object(s.names[i], 1))
	}
	return list, nil
}

func object(name string, version int) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name, ResourceVersion: strconv.Itoa(version)},
		Data: map[string]string{"secret": "s3cr3t"}}
}

func (s *server) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.watchErr; err != nil {
		s.mu.Unlock()
		time.Sleep(latency)
		s.mu.Lock()
		return nil, err
	}
	w := watch.NewRaceFreeFake()
	s.opened++
	s.open = append(s.open, w)
	if s.expired {
		s.expired = false
		status := apierrors.NewResourceExpired("too old resource version").Status()
		time.AfterFunc(latency/10, func() { w.Error(&status) })
	}
	lasts := time.Duration(*options.TimeoutSeconds) * time.Second
	if s.mute {
		lasts = 24 * time.Hour
	}
	go func() {
		select {
		case <-time.After(lasts):
		case <-ctx.Done():
		}
		w.Stop()
	}()
	return w, nil
}

// fail makes every request fail from now on, and ends the watches that are open; nil ends that.
func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listErr, s.watchErr = err, err
	for _, w := range s.open {
		w.Stop()
	}
	s.open = nil
}

const limit = 5 * time.Minute

// latency is how long the API server takes to refuse a watch.
const latency = 2 * time.Second

// running gives an informer that has read.
func running(t *testing.T, s *server) *informer.Informer[*corev1.ConfigMap, *kept] {
	t.Helper()
	i := informer.New(informer.Options[*corev1.ConfigMap, *kept]{
		What: "settings", List: s.list, Watch: s.watch, Limit: limit,
		Keep: func(c *corev1.ConfigMap) *kept {
			return &kept{metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name, ResourceVersion: c.ResourceVersion}}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); i.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	time.Sleep(time.Minute)
	synctest.Wait()
	return i
}

// after lets the bubble's clock, which nothing else moves, go on.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var forbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", errors.New(`user "generator" cannot watch resource "secrets"`))

func TestAQuietDayIsNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{names: []string{"a"}, version: 7}
		i := running(t, s)
		for range 24 * 12 {
			after(5 * time.Minute)
			if state := i.State(); state.Doubt != "" || !state.Synced {
				t.Fatalf("%+v", state)
			}
		}
		if len(s.lists) != 1 {
			t.Errorf("listed %d times: a watch that ends in time goes on where it ended", len(s.lists))
		}
	})
}

func TestAnAPIServerOutOfReachIsDoubtedAfterTheLimitAndNothingIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{names: []string{"a", "b"}, version: 7}
		i := running(t, s)
		told := make(chan struct{}, 1)
		i.Notify(told)
		contact := i.State().Contact
		s.fail(syscall.ECONNREFUSED)
		after(limit/2 - time.Minute)
		if doubt := i.State().Doubt; doubt != "" {
			t.Errorf("doubted too early: %s", doubt)
		}
		after(limit)
		state := i.State()
		want := "settings: nothing heard from the API server since " + contact.UTC().Format(time.RFC3339) +
			", which is more than 5m0s ago: connection refused"
		if state.Doubt != want {
			t.Errorf("want %s\n got %s", want, state.Doubt)
		}
		select {
		case <-told:
		default:
			t.Error("nobody was told of the doubt")
		}
		if !state.Synced || len(i.All()) != 2 {
			t.Errorf("what was read is forgotten: %+v, %v", state, i.All())
		}
		s.fail(nil)
		after(2 * time.Minute)
		if doubt := i.State().Doubt; doubt != "" {
			t.Errorf("still in doubt: %s", doubt)
		}
		select {
		case <-told:
		default:
			t.Error("nobody was told that the doubt ended")
		}
	})
}

func TestRightsTakenAwayAreADoubtAtOnceThoughTheRestGoesOn(t *testing.T) {
	for _, test := range []struct {
		name      string
		list, get error
		want      string
	}{
		{"watch", nil, forbidden, "settings may not be watched (HTTP 403); "},
		{"list", forbidden, nil, `settings may not be listed: secrets is forbidden: user "generator" cannot`},
		{"both", forbidden, forbidden, "settings may not be "},
		{"the token itself", nil, apierrors.NewUnauthorized("Unauthorized"), "settings may not be watched (HTTP 401); "},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{names: []string{"a"}, version: 7}
				i := running(t, s)
				s.mu.Lock()
				s.listErr, s.watchErr = test.list, test.get
				// The reflector lists again when a watch cannot go on.
				s.expired = test.get == nil
				for _, w := range s.open {
					w.Stop()
				}
				s.mu.Unlock()
				after(10 * time.Second)
				for range 200 {
					state := i.State()
					if !strings.HasPrefix(state.Doubt, test.want) || !strings.Contains(state.Doubt, "manifests/generator-rbac.yaml") {
						t.Fatalf("%+v", state)
					}
					after(time.Second)
				}
			})
		})
	}
}

func TestAWatchThatOpensOnlyToSayThatItMissedSomethingConfirmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{names: []string{"a"}, version: 7}
		i := running(t, s)
		s.fail(syscall.ECONNREFUSED)
		after(2 * limit)
		s.mu.Lock()
		s.watchErr, s.expired = nil, true
		s.mu.Unlock()
		for range 60 {
			after(2 * time.Second)
			if i.State().Doubt == "" {
				t.Fatal("trusted, although what was missed could not be read")
			}
		}
	})
}

func TestAConnectionThatNeitherEndsNorSpeaksIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{names: []string{"a"}, version: 7, mute: true}
		i := running(t, s)
		after(limit + 30*time.Second)
		if s.opened < 2 {
			t.Error("the silent watch is still waited for")
		}
		if doubt := i.State().Doubt; doubt != "" {
			t.Errorf("another watch was opened, and it is still in doubt: %s", doubt)
		}
	})
}

func TestListsAreNoOlderThanTheRequestAndComeInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{version: 7}
		for n := range 1200 {
			s.names = append(s.names, fmt.Sprintf("c%04d", n))
		}
		i := running(t, s)
		if len(i.All()) != 1200 || len(s.lists) != 3 {
			t.Errorf("%d objects in %d pages", len(i.All()), len(s.lists))
		}
		for _, options := range s.lists {
			if options.ResourceVersion != "" || options.Limit == 0 {
				t.Errorf("%+v", options)
			}
		}
	})
}

func TestWhoWaitsForAChangeIsToldAndOnlyOfThose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{names: []string{"a"}, version: 7}
		i := running(t, s)
		told := make(chan struct{}, 1)
		i.Notify(told)
		events := func() bool {
			synctest.Wait()
			select {
			case <-told:
				return true
			default:
				return false
			}
		}
		w := s.open[len(s.open)-1]
		w.Add(object("b", 8))
		if !events() {
			t.Error("an object came, and nobody was told")
		}
		w.Action(watch.Bookmark, object("", 9))
		if events() {
			t.Error("told of a bookmark")
		}
		w.Modify(object("b", 10))
		if !events() {
			t.Error("an object changed, and nobody was told")
		}
		w.Delete(object("a", 11))
		if !events() {
			t.Error("an object went, and nobody was told")
		}
		if _, there := i.Get("argocd", "a"); there || len(i.All()) != 1 {
			t.Error("what was deleted is still there")
		}
	})
}

func TestNothingReadYetIsSaidWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{listErr: &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusServiceUnavailable, Message: "starting"}}}
		i := running(t, s)
		if state := i.State(); state.Synced || state.Doubt != "settings have not been read yet: starting" {
			t.Errorf("%+v", state)
		}
	})
}
