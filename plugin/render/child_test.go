package render_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/render"
)

// growing renders to 2^n times its own size: its JSON patch copies the whole object into itself n times.
func growing(n, size int) memory {
	patch := ""
	for i := range n {
		patch += fmt.Sprintf("- {op: copy, from: /data, path: /a%d}\n- {op: copy, from: /a%d, path: /data/a%d}\n", i, i, i)
	}
	return files(map[string]string{
		"kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n",
		"a.yaml":             configMap + "data: {a: " + strings.Repeat("b", size) + "}\n", "p.yaml": patch,
	})
}

// children are the processes that this one has started and that still exist, dead or alive.
func children(t *testing.T) int {
	t.Helper()
	count := 0
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err == nil {
			count += len(strings.Fields(string(text)))
		}
	}
	return count
}

func TestAChildRendersWhatThisProcessRenders(t *testing.T) {
	tree := files(map[string]string{
		"kustomization.yaml": "resources: [d.yaml]\ncomponents: [c.yaml]\npatches: [{path: p.yaml}]\nbases: [b]\nbuildMetadata: [managedByLabel, originAnnotations]\n",
		"d.yaml":             twoContainers, "p.yaml": sidecarPatch["p.yaml"], "c.yaml": "namePrefix: x-\n", "b/kustomization.yaml": "resources: [a.yaml]\n",
		"b/a.yaml": "-> l.yaml", "b/l.yaml": configMap + "data: {a: \"<&>\u2028\", b: '1'}\nspec: {i: 9007199254740993, u: 18446744073709551615, f: 1.50, e: 1e3, n: null}\n",
	})
	request := render.Request{Tree: tree, Dir: ".", Overrides: render.Overrides{Images: []string{"sidecar:2", "none:1"}}}
	want, err := render.New().Render(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render.Child{}.Render(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range []*render.Result{want, got} {
		stream, err := manifest.YAML(result.Objects)
		if err != nil {
			t.Fatal(err)
		}
		result.Files = append(result.Files, string(stream))
	}
	wantEqual(t, strings.Join(got.Files, "\n"), strings.Join(want.Files, "\n"))
	wantEqual(t, strings.Join(got.Warnings, "\n"), strings.Join(want.Warnings, "\n"))
	if len(want.Warnings) != 2 {
		t.Errorf("want two warnings, got %q", want.Warnings)
	}
}

func TestAnErrorInAChildIsTheErrorOfThisProcess(t *testing.T) {
	for name, content := range map[string]map[string]string{
		"missing file":     {"kustomization.yaml": "resources:\n- a.yaml\n"},
		"remote":           {"kustomization.yaml": "resources:\n- https://example.com/a\n"},
		"link out":         {"kustomization.yaml": "resources:\n- a.yaml\n", "a.yaml": "-> ../x"},
		"alias bomb":       {"kustomization.yaml": "resources:\n- a.yaml\n", "a.yaml": aliasBomb(9)},
		"wrong component":  {"kustomization.yaml": "components:\n- c.yaml\n", "c.yaml": "kind: X\n"},
		"no kustomization": {"a.yaml": ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := render.Child{}.Render(context.Background(), render.Request{Tree: files(content), Dir: "."})
			if err == nil {
				t.Fatal("it was rendered")
			}
			wantPresentable(t, err)
			wantEqual(t, err.Error(), mustFail(t, files(content), "."))
		})
	}
}

func TestAChildThatTakesTooLongIsStopped(t *testing.T) {
	before, most := children(t), 0
	// Three seconds are enough to begin, and minutes would not be to end.
	tree := watched{configMaps(15_000, 1), func(string) { most = max(most, children(t)) }}
	_, err := render.Child{Time: 3 * time.Second}.Render(context.Background(), render.Request{Tree: tree, Dir: "."})
	wantEqual(t, fmt.Sprint(err), ".: rendering was stopped, it took more than 3s")
	if most != before+1 {
		t.Errorf("%d processes were there while it rendered, and %d before", most, before)
	}
	if n := children(t); n > before {
		t.Errorf("%d processes are left", n-before)
	}
}

func TestAChildThatNeedsTooMuchMemoryIsStopped(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is beyond any limit")
	}
	before := children(t)
	_, err := render.Child{Memory: 256 << 20, Time: time.Minute}.Render(context.Background(), render.Request{Tree: growing(40, 40), Dir: "."})
	wantEqual(t, fmt.Sprint(err), ".: rendering was stopped, it needed more than 256 MiB of memory")
	if n := children(t); n > before {
		t.Errorf("%d processes are left", n-before)
	}
	// The reason why it was given to a child is for people too.
	_, err = render.NewEscalating(render.Child{Memory: 256 << 20}).Render(context.Background(), render.Request{Tree: growing(40, 40), Dir: "."})
	wantEqual(t, fmt.Sprint(err), ".: rendering was stopped, it needed more than 256 MiB of memory; with kustomization.yaml its JSON patches copy more than 8 times")
}

func TestAResultTooLargeToHoldIsRefused(t *testing.T) {
	_, err := render.Child{}.Render(context.Background(), render.Request{Tree: growing(5, 40), Dir: ".", Limits: render.Limits{Output: 1000}})
	wantEqual(t, fmt.Sprint(err), ".: it renders to more than 1000 bytes")
}

func TestAChildEndsWithItsCaller(t *testing.T) {
	before := children(t)
	ctx, cancel := context.WithCancel(context.Background())
	tree := watched{growing(30, 40), func(string) { cancel() }}
	_, err := render.Child{}.Render(ctx, render.Request{Tree: tree, Dir: "."})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := (render.Child{}).Render(ctx, render.Request{Tree: growing(30, 40), Dir: "."}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if n := children(t); n > before {
		t.Errorf("%d processes are left", n-before)
	}
}

func TestAChildThatDiesIsAnError(t *testing.T) {
	tree := watched{growing(2, 40), func(string) {
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			for _, pid := range strings.Fields(string(text)) {
				var id int
				if _, err := fmt.Sscan(pid, &id); err == nil {
					_ = syscall.Kill(id, syscall.SIGKILL)
				}
			}
		}
	}}
	_, err := render.Child{}.Render(context.Background(), render.Request{Tree: tree, Dir: "."})
	if err == nil || !strings.HasPrefix(err.Error(), ".: rendering was stopped, its process ended early") {
		t.Errorf("got %v", err)
	}
}

// ending is a context that has an error of the test's choice when the inner one has ended.
type ending struct {
	context.Context
	err error
}

func (e ending) Err() error {
	if e.Context.Err() == nil {
		return nil
	}
	return e.err
}

func TestWhoGoesWhileAnAnswerWaitsForRoomLeavesNothingBehind(t *testing.T) {
	for _, test := range []struct {
		end  error
		want string
	}{
		{context.Canceled, "context canceled"},
		{context.DeadlineExceeded, ".: rendering was stopped, it was finished and waited for memory that other renders hold; raise the memory limit of its container"},
	} {
		t.Run(test.end.Error(), func(t *testing.T) {
			before := children(t)
			memory := render.NewMemory(2<<20, 1)
			others, err := memory.TakeAll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			defer end()
			ended := make(chan error, 1)
			go func() {
				child := render.Child{Time: 5 * time.Minute, Answers: memory}
				_, err := child.Render(ending{ctx, test.end}, render.Request{Tree: configMaps(1, 1), Dir: "."})
				ended <- err
			}()
			for !memory.Waited() {
				select {
				case err := <-ended:
					t.Fatalf("it did not wait: %v", err)
				default:
					runtime.Gosched()
				}
			}
			end()
			if err := <-ended; !errors.Is(err, test.end) || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if n := children(t); n > before {
				t.Errorf("%d processes are left", n-before)
			}
			others()
			soon, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := memory.TakeAll(soon); err != nil {
				t.Errorf("room is left taken: %v", err)
			}
		})
	}
}

func TestARenderThatOnlyWaitedForMemorySaysSo(t *testing.T) {
	memory := render.NewMemory(2<<20, 1)
	if _, err := memory.TakeAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for limit := time.Second; ; limit *= 2 { // on a busy machine some are not enough to render
		_, err := render.Child{Time: limit, Answers: memory}.Render(t.Context(), render.Request{Tree: configMaps(1, 1), Dir: "."})
		if limit < 20*time.Second && err != nil && strings.Contains(err.Error(), "it took more than") {
			continue
		}
		wantEqual(t, fmt.Sprint(err), ".: rendering was stopped, it was finished and waited for memory that other renders hold; raise the memory limit of its container")
		return
	}
}
