package cmpserver_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// run serves until end is called, which returns what Serve returns.
func run(t *testing.T, path, web string) (end func() error) {
	t.Helper()
	return runWith(t, cmpserver.Options{}, cmpserver.Endpoints{Socket: path, HTTP: web, Drain: time.Minute})
}

func runWith(t *testing.T, options cmpserver.Options, at cmpserver.Endpoints) (end func() error) {
	t.Helper()
	options.Settings = settings
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- cmpserver.New(options).Serve(ctx, at) }()
	conn, err := grpc.NewClient("unix:"+at.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(),
		&grpc_health_v1.HealthCheckRequest{Service: "plugin.ConfigManagementPluginService"}, grpc.WaitForReady(true))
	if err != nil || health.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("health %v, %v", health, err)
	}
	return func() error { cancel(); return <-done }
}

// ends ends a server, and fails the test if that waits for something.
func ends(t *testing.T, end func() error, waits string) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal(waits)
	}
}

func TestTheSocketOfACrashedServerIsReplaced(t *testing.T) {
	path := socket(t)
	crashed, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	crashed.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}
	end := run(t, path, "")
	if _, err := generate(t.Context(), dial(t, path), ask("app", pack(t, service), region)); err != nil {
		t.Error(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestWhatIsInUseIsNotReplaced(t *testing.T) {
	path := socket(t)
	living, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	if _, err := cmpserver.Listen(path); err == nil || !strings.Contains(err.Error(), "another plugin server") {
		t.Errorf("got %v", err)
	}
	file := socket(t)
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cmpserver.Listen(file); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "mine" {
		t.Errorf("the file is %q, %v", content, err)
	}
}

func TestAskedToEndItAnswersWhatItHasBegun(t *testing.T) {
	path, web := socket(t), freePort(t)
	end := run(t, path, web)
	if got := get(t, "http://"+web+"/readyz"); got != "200 ok" {
		t.Errorf("ready: %s", got)
	}
	stream, err := dial(t, path).GenerateManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages := ask("app", pack(t, service), region)
	if err := stream.Send(messages[0]); err != nil {
		t.Fatal(err)
	}
	received(t, web)
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	for get(t, "http://"+web+"/readyz") != "503 draining" {
		// until the signal has been noticed
	}
	if got := get(t, "http://"+web+"/healthz"); got != "200 ok" {
		t.Errorf("alive while it drains: %s", got)
	}
	waitFor(t, "it takes no new connections while it drains", func() bool { // which it says before
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	for _, message := range messages[1:] {
		if err := stream.Send(message); err != nil {
			t.Fatal(err)
		}
	}
	response, err := stream.CloseAndRecv()
	if err != nil || len(response.Manifests) != 1 {
		t.Errorf("what had begun got %v, %v", response, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A pod that ends is killed after a while, and what its server would have answered until then is lost with it.
func TestAStalledRequestIsCutOffWhenTheTimeToDrainIsOver(t *testing.T) {
	path, web := socket(t), freePort(t)
	end := runWith(t, cmpserver.Options{Stall: time.Hour}, cmpserver.Endpoints{Socket: path, HTTP: web, Drain: 100 * time.Millisecond})
	stream, err := dial(t, path).GenerateManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(ask("app", noise, region)[0]); err != nil {
		t.Fatal(err)
	}
	received(t, web)
	ends(t, end, "it waits for a client that sends nothing")
	if err := stream.RecvMsg(&protocol.ManifestResponse{}); status.Code(err) != codes.Unavailable {
		t.Errorf("the client got %v", err)
	}
}

// Who watches the health of a server does not keep it from ending.
func TestWhoWatchesItsHealthIsNotWaitedFor(t *testing.T) {
	path := socket(t)
	end := runWith(t, cmpserver.Options{}, cmpserver.Endpoints{Socket: path, Drain: time.Hour})
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	health, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := health.Recv(); err != nil || state.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("health %v, %v", state, err)
	}
	ends(t, end, "it waits for who watches")
}

func TestMetricsTellWhichLimitStoppedARender(t *testing.T) {
	schema := with(service, "app/kustomization.yaml", "resources: [settings.yaml]\nopenapi: {version: v1.21.2}\n") // for a child
	for reason, limit := range map[string]func(*cmpserver.Budget){
		"stopped": func(b *cmpserver.Budget) { b.Child = 1 << 20 },
		"no room": func(b *cmpserver.Budget) { b.Renders = 2 },
	} {
		t.Run(reason, func(t *testing.T) {
			path, web := socket(t), freePort(t)
			budget := cmpserver.Divide(0)
			limit(&budget)
			end := runWith(t, cmpserver.Options{Budget: budget}, cmpserver.Endpoints{Socket: path, HTTP: web, Drain: time.Minute})
			if manifests, err := generate(t.Context(), dial(t, path), ask("app", pack(t, schema), region)); err == nil {
				t.Errorf("got %q", manifests)
			} else if n := metric(t, web, fmt.Sprintf("refusals_total{reason=%q}", reason)); n != 1 {
				t.Errorf("%d are counted for %v", n, err)
			}
			if err := end(); err != nil {
				t.Error(err)
			}
		})
	}
}

// received waits until the server works on a request: it is counted as soon as it has begun.
func received(t *testing.T, web string) {
	t.Helper()
	for !strings.Contains(get(t, "http://"+web+"/metrics"), "\ntidegate_plugin_requests 1\n") {
		if t.Context().Err() != nil {
			t.Fatal("the request has not come")
		}
	}
}

func TestMetricsTellWhatHappened(t *testing.T) {
	path, web := socket(t), freePort(t)
	end := run(t, path, web)
	client := dial(t, path)
	content := pack(t, service)
	again := repacked(t, content)
	for _, r := range []request{
		ask("app", content, region), ask("app", content, region), ask("app", content), ask("..", content), ask("app", again, region),
	} {
		_, _ = generate(t.Context(), client, r)
	}
	text := get(t, "http://"+web+"/metrics")
	for _, line := range []string{
		`tidegate_plugin_renders_total{from="render"} 1`,
		`tidegate_plugin_renders_total{from="cache"} 2`,
		`tidegate_plugin_request_seconds_count{from="cache"} 2`,
		`tidegate_plugin_refusals_total{reason="render"} 1`,
		`tidegate_plugin_refusals_total{reason="path"} 1`,
		`tidegate_plugin_tree_lookups_total{level="unpacked"} 1`,
		`tidegate_plugin_tree_lookups_total{level="checksum"} 3`,
		`tidegate_plugin_tree_lookups_total{level="content"} 1`,
		`tidegate_plugin_trees 1`,
		`tidegate_plugin_requests 0`,
		fmt.Sprintf("tidegate_plugin_received_bytes_total %d", 4*len(content)+len(again)),
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// The store has room for the contents of two of these folders, whose render reads the same in each.
func TestWhatWasRenderedIsNotUnpackedAgainWhenItsFilesHadNoRoom(t *testing.T) {
	path, web := socket(t), freePort(t)
	budget := cmpserver.Divide(0)
	budget.Store = 1 << 20
	end := runWith(t, cmpserver.Options{Budget: budget}, cmpserver.Endpoints{Socket: path, HTTP: web, Drain: time.Minute})
	client := dial(t, path)
	const folders = 10
	var archives [][]byte
	for i := range folders {
		archives = append(archives, pack(t, with(service, "app/dashboard.json", strings.Repeat(fmt.Sprint(i), 400<<10))))
	}
	want := func(text string, archive []byte, env ...string) {
		t.Helper()
		manifests, err := generate(t.Context(), client, ask("app", archive, env...))
		if err != nil || len(manifests) != 1 || !strings.Contains(manifests[0], text) {
			t.Errorf("got %q, %v, want %s", manifests, err, text)
		}
	}
	for range 2 {
		for _, content := range archives {
			want("eu-west-1", content, region)
		}
	}
	counts := func(lines ...string) {
		t.Helper()
		text := get(t, "http://"+web+"/metrics")
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("the metrics lack %s", line)
			}
		}
	}
	counts(`tidegate_plugin_tree_lookups_total{level="unpacked"} 10`, `tidegate_plugin_renders_total{from="cache"} 19`,
		`tidegate_plugin_trees 2`, `tidegate_plugin_tree_lookups_total{level="outline"} 8`)
	// What has not been rendered is, from all that was sent. At most two are whole.
	for i, content := range archives[:3] {
		other := fmt.Sprintf("us-east-%d", i)
		want(other, content, "ARGOCD_ENV_REGION="+other)
	}
	counts(`tidegate_plugin_renders_total{from="render"} 4`)
	if text := get(t, "http://"+web+"/metrics"); strings.Contains(text, `tidegate_plugin_tree_lookups_total{level="unpacked"} 10`+"\n") {
		t.Error("three folders were rendered, and none of them was unpacked again")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// repacked is another archive of the same files.
func repacked(t *testing.T, content []byte) []byte {
	t.Helper()
	in, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(zip, in); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Each round is of equal requests that only a process of its own can answer, which takes long enough for them to meet, and
// for that process to be seen; if not at once, then in another round.
func TestMetricsTellOfRendersThatWereSharedAndOfChildren(t *testing.T) {
	path, web := socket(t), freePort(t)
	end := run(t, path, web)
	client := dial(t, path)
	const equal = 8
	seen, rounds := false, 0
	for !seen || metric(t, web, `renders_total{from="flight"}`) == 0 {
		rounds++
		content := pack(t, with(service, "app/kustomization.yaml",
			fmt.Sprintf("resources: [settings.yaml]\nopenapi: {version: v1.21.2}\nnamePrefix: round-%d-\n", rounds)))
		errs := make(chan error, equal)
		for range equal {
			go func() {
				_, err := generate(t.Context(), client, ask("app", content, region))
				errs <- err
			}()
		}
		for answered := 0; answered < equal; {
			select {
			case err := <-errs:
				if answered++; err != nil {
					t.Fatal(err)
				}
			default:
				seen = seen || metric(t, web, "children") == 1
			}
		}
	}
	count := func(from string) int { return metric(t, web, fmt.Sprintf("renders_total{from=%q}", from)) }
	if n := count("child"); n != rounds {
		t.Errorf("%d renders in processes of their own, in %d rounds", n, rounds)
	}
	if n := count("flight") + count("cache"); n != rounds*(equal-1) || count("render") != 0 {
		t.Errorf("%d of %d requests were answered with what others had, and %d in the server's process", n, rounds*equal, count("render"))
	}
	if n := metric(t, web, "children"); n != 0 {
		t.Errorf("%d children when all is answered", n)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// metric is the value of a metric of ours.
func metric(t *testing.T, web, name string) int {
	t.Helper()
	for line := range strings.Lines(get(t, "http://"+web+"/metrics")) {
		if text, ok := strings.CutPrefix(line, "tidegate_plugin_"+name+" "); ok {
			value, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(response.Status[:4]+string(body), "\n") + map[bool]string{true: "\n"}[len(body) > 100]
}

// freePort is an address that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
