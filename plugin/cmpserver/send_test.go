package cmpserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// large is an archive whose answer is larger than most.
func large(t *testing.T, bytes int) []byte {
	return pack(t, with(service, "app/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: "+strings.Repeat("x", bytes)+"\n"))
}

func repository(url string) string { return "ARGOCD_APP_SOURCE_REPO_URL=" + url }

// inHere has even a busy machine render in the server's process: what is measured is its memory, and a child has little.
const inHere = time.Hour

// TestALargeAnswerWaitsUntilAnotherIsWritten: answers to the same question are there at the same moment.
func TestALargeAnswerWaitsUntilAnotherIsWritten(t *testing.T) {
	const mib = 1 << 20
	options := cmpserver.Options{Hold: inHere, Budget: cmpserver.Budget{Store: 4 * mib, Streams: mib, Tree: 24 * mib, Child: 1 << 28, Children: 1}}
	options.Time = 5 * time.Second // of who sets no deadline: no client can be sooner
	listener := listen(t, socket(t))
	options.Settings = settings
	server := cmpserver.New(options).GRPC()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	// Windows that do not grow: what is not read is not received.
	client := dial(t, listener.Addr().String(), grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(4*mib))
	content := large(t, 700<<10)
	within, end := context.WithTimeout(t.Context(), 3*time.Minute)
	defer end()
	for _, name := range []string{"first", "second"} { // what is known is answered at once, on a busy machine too
		if _, err := generate(within, client, ask("app", content, repository(name))); err != nil {
			t.Fatal(err)
		}
	}
	unread, err := client.GenerateManifest(within)
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range ask("app", content, repository("first")) {
		if err := unread.Send(message); err != nil {
			t.Fatal(err)
		}
	}
	if err := unread.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := unread.Header(); err != nil { // its answer has begun
		t.Fatal(err)
	}
	if _, err := generate(t.Context(), client, ask("app", content, repository("second"))); err == nil || !strings.Contains(err.Error(), "waited for memory") {
		t.Errorf("while an answer is not read another one is sent: %v", err)
	}
	if manifests, err := generate(within, client, ask("app", pack(t, service), region)); err != nil || len(manifests) != 1 {
		t.Errorf("meanwhile a small one gets %q, %v", manifests, err)
	}
	if err := unread.RecvMsg(new(protocol.ManifestResponse)); err != nil {
		t.Error(err)
	}
	if _, err := generate(within, client, ask("app", content, repository("second"))); err != nil {
		t.Error(err)
	}
}

// TestTheMemoryOfAnswersComesBack: also that of one larger than all of it, and of those whose client does not wait for it.
func TestTheMemoryOfAnswersComesBack(t *testing.T) {
	const mib = 1 << 20
	client := serve(t, cmpserver.Options{Hold: inHere, Budget: cmpserver.Budget{Store: 16 * mib, Streams: mib, Tree: 24 * mib, Child: 1 << 28, Children: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			content := large(t, []int{100 << 10, 700 << 10, 3 << 20}[i%3])
			asking, leave := context.WithCancel(ctx)
			defer leave()
			if i%4 == 0 {
				time.AfterFunc(time.Duration(i)*time.Millisecond, leave)
			}
			if _, err := generate(asking, client, ask("app", content, repository(fmt.Sprint(i%5)))); err != nil && asking.Err() == nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := generate(ctx, client, ask("app", large(t, 3<<20), region)); err != nil {
		t.Errorf("afterwards there is no room any more: %v", err)
	}
}

// TestAnAnswerWhoseConnectionEndsGivesItsMemoryBack: gRPC does not say that nobody will read it.
func TestAnAnswerWhoseConnectionEndsGivesItsMemoryBack(t *testing.T) {
	const mib = 1 << 20
	options := cmpserver.Options{Hold: inHere, Budget: cmpserver.Budget{Store: 16 * mib, Streams: mib, Tree: 24 * mib, Child: 1 << 28, Children: 1}, Settings: settings}
	listener := listen(t, socket(t))
	server := cmpserver.New(options).GRPC()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	content := large(t, 700<<10)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // it is not the deadline that gives it back
	defer cancel()
	for i := range 4 {
		conn, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		stream, err := protocol.NewConfigManagementPluginServiceClient(conn).GenerateManifest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range ask("app", content, repository(fmt.Sprint(i))) {
			if err := stream.Send(message); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			_, err = stream.Header() // its answer has begun
		}
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Fatal(err)
		}
	}
	late, end := context.WithTimeout(t.Context(), 3*time.Minute)
	defer end()
	if _, err := generate(late, dial(t, listener.Addr().String()), ask("app", content, repository("late"))); err != nil {
		t.Error(err)
	}
}

// TestAnAnswerThatWaitsForTooLongSaysWhy: it is not the render that took long.
func TestAnAnswerThatWaitsForTooLongSaysWhy(t *testing.T) {
	const mib = 1 << 20
	budget := cmpserver.Budget{Store: 16 * mib, Streams: mib, Tree: 24 * mib, Child: 1 << 28, Children: 1}
	server := cmpserver.New(cmpserver.Options{Settings: settings, Hold: inHere, Budget: budget})
	content := large(t, 700<<10)
	asked := func(ctx context.Context) *scripted {
		return &scripted{ctx: ctx, messages: ask("app", content, repository("one")), then: func() error { return io.EOF }}
	}
	if err := handle(server, asked(t.Context())); err != nil { // which nobody ever writes
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := handle(server, asked(ctx)); err == nil || !strings.Contains(err.Error(), "app: it was rendered, and waited for memory") {
		t.Errorf("got %v", err)
	}
}

// serveAs is serve with settings of one's own.
func serveAs(t *testing.T, read func([]string) (plugin.Settings, []string, error)) protocol.ConfigManagementPluginServiceClient {
	t.Helper()
	listener := listen(t, socket(t))
	server := cmpserver.New(cmpserver.Options{Settings: read}).GRPC()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return dial(t, listener.Addr().String())
}

func TestAMistakeBeforeARenderIsOneRequestsError(t *testing.T) {
	client := serveAs(t, func(environment []string) (plugin.Settings, []string, error) {
		if strings.Contains(fmt.Sprint(environment), "hostile") {
			panic("a mistake")
		}
		return settings(environment)
	})
	content := pack(t, service)
	if _, err := generate(t.Context(), client, ask("app", content, repository("hostile"))); status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "a fault of Tidegate's") {
		t.Errorf("got %v", err)
	}
	if manifests, err := generate(t.Context(), client, ask("app", content, region)); err != nil || len(manifests) != 1 {
		t.Errorf("another client got %q, %v", manifests, err)
	}
}

func TestAVariableIsNotLongerThanAProcessCouldBeGiven(t *testing.T) {
	client := serve(t, cmpserver.Options{})
	content := pack(t, service)
	const name = "ARGOCD_ENV_LONG"
	for length, want := range map[int]string{
		128<<10 - len(name) - 2: "",
		128<<10 - len(name) - 1: name + " has 131073 bytes with its name, more than the 131072 that a variable may have",
	} {
		_, err := generate(t.Context(), client, ask("app", content, region, name+"="+strings.Repeat("x", length)))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: got %.300v", length, err)
		}
	}
}

// TestTheVersionsOfAClusterMayBeLong: Argo CD sends them with every request, and nothing reads them.
func TestTheVersionsOfAClusterMayBeLong(t *testing.T) {
	client := serveAs(t, func(environment []string) (plugin.Settings, []string, error) {
		for _, variable := range environment {
			if strings.HasPrefix(variable, "KUBE_") {
				t.Errorf("%.20s is kept, %d bytes", variable, len(variable))
			}
		}
		return settings(environment)
	})
	long := strings.Repeat("example.com/v1/Kind,", 10_000)
	if _, err := generate(t.Context(), client, ask("app", pack(t, service), region, "KUBE_VERSION=1.33", "KUBE_API_VERSIONS="+long)); err != nil {
		t.Errorf("got %.300v", err)
	}
}
