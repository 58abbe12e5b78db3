package cmpserver_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

// slow is an archive that kustomize takes minutes for, in a process of its own.
func slow(t *testing.T) []byte {
	var objects strings.Builder
	for i := range 15_000 {
		fmt.Fprintf(&objects, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d}\n", i)
	}
	return pack(t, with(service, "app/settings.yaml", objects.String()))
}

// children are the processes that this one has started and that are still there, dead or alive.
func children(t *testing.T) (ids []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	for _, list := range lists {
		if text, err := os.ReadFile(list); err == nil {
			ids = append(ids, strings.Fields(string(text))...)
		}
	}
	return ids
}

// waitFor waits until something holds, which is not a question of time.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("after 3 minutes still not: %s", what)
		}
	}
}

func TestARenderThatTakesForEverHoldsUpNobodysTree(t *testing.T) {
	client := serve(t, cmpserver.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hostile := slow(t)
	ended := make(chan error, 1)
	go func() {
		_, err := generate(ctx, client, ask("app", hostile, region))
		ended <- err
	}()
	waitFor(t, "a child renders", func() bool { return len(children(t)) == 1 })
	large := make([]byte, 5<<20)
	for i := range large {
		large[i] = byte(rand.Uint32())
	}
	for name, content := range map[string][]byte{"large": pack(t, with(service, "large", string(large))), "small": pack(t, service)} {
		within, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		if manifests, err := generate(within, client, ask("app", content, region)); err != nil || len(manifests) != 1 {
			t.Errorf("who sends a %s repository gets %q, %v", name, manifests, err)
		}
		cancel()
	}
	select {
	case err := <-ended:
		t.Errorf("the slow render ended before: %v", err)
	default:
	}
	cancel()
	<-ended
	waitFor(t, "the child is gone when nobody waits for it any more", func() bool { return len(children(t)) == 0 })
}

func TestAChildIsGoneWhenItsTimeIsOver(t *testing.T) {
	server := cmpserver.New(cmpserver.Options{Settings: settings})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	hostile := ask("app", slow(t), region)
	go func() {
		ended <- handle(server, &scripted{ctx: ctx, messages: hostile, then: func() error { return io.EOF }})
	}()
	waitFor(t, "a child renders", func() bool { return len(children(t)) == 1 })
	if err := <-ended; status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "; with app/settings.yaml it has more than 2000 objects; ") {
		t.Errorf("got %v", err)
	}
	waitFor(t, "the child is gone", func() bool { return len(children(t)) == 0 })
}
