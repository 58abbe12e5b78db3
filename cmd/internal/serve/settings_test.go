package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/cmd/internal/serve"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
	"github.com/tidegate/tidegate/plugin/policy"
)

// log is what a command that runs has written so far.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// running is a command that serves.
type running struct {
	socket, web string
	log         *log
	conn        *grpc.ClientConn
}

// start runs the command with these variables and flags until the test ends. It returns when the server answers.
func start(t *testing.T, variables map[string]string, args ...string) running {
	t.Helper()
	// A short path: that of a unix socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "cmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("ARGOCD_PLUGINSOCKFILEPATH", dir)
	for name, value := range variables {
		t.Setenv(name, value)
	}
	r := running{socket: filepath.Join(dir, "tidegate.sock"), web: freePort(t), log: &log{}}
	args = append([]string{pluginYAML(t, "{command: [tidegate-plugin, render]}"), "--http-address=" + r.web}, args...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- cli.Execute(ctx, serve.New(policy.Enforce), args, io.Discard, r.log) }()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != cli.ExitOK {
			t.Errorf("exit code %d: %s", code, r.log)
		}
	})
	if r.conn, err = grpc.NewClient("unix:"+r.socket, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close() })
	request := &grpc_health_v1.HealthCheckRequest{}
	if _, err := grpc_health_v1.NewHealthClient(r.conn).Check(t.Context(), request, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
	return r
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

// send sends one message with a chunk of so many bytes.
func (r running) send(t *testing.T, size int) error {
	t.Helper()
	stream, err := protocol.NewConfigManagementPluginServiceClient(r.conn).GenerateManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := &protocol.AppStreamRequest_File{File: &protocol.File{Chunk: make([]byte, size)}}
	if err := stream.Send(&protocol.AppStreamRequest{Request: file}); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_, err = stream.CloseAndRecv()
	return err
}

func TestTheLogIsWrittenAsTheSettingsSay(t *testing.T) {
	for _, test := range []struct {
		name          string
		variables     map[string]string
		args          []string
		json          bool
		info, refusal bool // whether what happens at start, and an error, are logged
	}{
		{"by itself", nil, nil, false, true, true},
		{"json", nil, []string{"--logformat=json"}, true, true, true},
		{"json, by its variable", map[string]string{"ARGOCD_CMP_SERVER_LOGFORMAT": "json"}, nil, true, true, true},
		{"errors only", nil, []string{"--loglevel=error"}, false, false, true},
		{"warnings, by their variable", map[string]string{"ARGOCD_CMP_SERVER_LOGLEVEL": "warn"}, nil, false, false, true},
		{"the flag wins", map[string]string{"ARGOCD_CMP_SERVER_LOGLEVEL": "error"}, []string{"--loglevel=debug", "--logformat=json"}, true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, test.variables, test.args...)
			if err := server.send(t, 1); err == nil {
				t.Fatal("a chunk without metadata is no request")
			}
			text := server.log.String()
			for line := range strings.Lines(text) {
				if json.Valid([]byte(line)) != test.json {
					t.Errorf("logged: %s", line)
				}
			}
			if info := strings.Contains(text, "socket"); info != test.info {
				t.Errorf("logged is what happens at start: %t\n%s", info, text)
			}
			if refusal := strings.Contains(text, "without saying what it is"); refusal != test.refusal {
				t.Errorf("logged is an error: %t\n%s", refusal, text)
			}
		})
	}
}

func TestMessagesAreAsLargeAsTheSettingSays(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name, value string
		size        int
		fits        bool
		warning     string
	}{
		{"too large", "1", mib + 1, false, ""},
		{"just", "2", mib + 1, true, ""},
		{"by itself", "", 5 * mib, true, ""},
		{"the largest that Argo CD takes", "2147483647", mib, true, ""},
		{"larger than that", "2147483648", mib, true, "ARGOCD_GRPC_MAX_SIZE_MB is no number"},
		{"none", "0", mib, true, "ARGOCD_GRPC_MAX_SIZE_MB is 0"},
		{"no number", "many", mib, true, "ARGOCD_GRPC_MAX_SIZE_MB is no number"},
		{"less than none", "-1", mib, true, "ARGOCD_GRPC_MAX_SIZE_MB is no number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, map[string]string{"ARGOCD_GRPC_MAX_SIZE_MB": test.value})
			// What fits is received, and then refused: there is no metadata.
			if err := server.send(t, test.size); (status.Code(err) != codes.ResourceExhausted) != test.fits {
				t.Errorf("got %v", err)
			}
			if text := server.log.String(); !strings.Contains(text, test.warning) || test.warning == "" && strings.Contains(text, "level=WARN") {
				t.Errorf("logged: %s", text)
			}
		})
	}
}

func TestAClientAsksWhetherTheConnectionLivesAsOftenAsTheSettingSays(t *testing.T) {
	for _, test := range []struct {
		name, value string
		borne       bool
		warning     string
	}{
		{"as often as it likes", "1ns", true, ""},
		{"less often", "1h", false, ""},
		{"by itself", "", false, ""},
		{"no duration", "soon", false, "ARGOCD_GRPC_KEEP_ALIVE_MIN is no duration"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, map[string]string{"ARGOCD_GRPC_KEEP_ALIVE_MIN": test.value})
			if borne := pings(t, server.socket, 20); borne != test.borne {
				t.Errorf("many pings at once are borne: %t", borne)
			}
			if text := server.log.String(); !strings.Contains(text, test.warning) {
				t.Errorf("logged: %s", text)
			}
		})
	}
}

// pings opens a stream and pings so often, at once: gRPC's own client does not do it more often than every ten seconds. It
// returns whether the server answers all of them; otherwise it has ended the connection.
func pings(t *testing.T, socket string, count int) bool {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var head bytes.Buffer
	encoder := hpack.NewEncoder(&head)
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "localhost"},
		{Name: ":path", Value: protocol.ConfigManagementPluginService_GenerateManifest_FullMethodName},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	} {
		if err := encoder.WriteField(field); err != nil {
			t.Fatal(err)
		}
	}
	framer := http2.NewFramer(conn, conn)
	_, err = io.WriteString(conn, http2.ClientPreface)
	err = errors.Join(err, framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head.Bytes(), EndHeaders: true}))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range count {
			if framer.WritePing(false, [8]byte{}) != nil {
				return // the server has ended the connection, as is read below
			}
		}
	}()
	for answered := 0; answered < count; {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("after %d answers: %v", answered, err)
		}
		switch f := frame.(type) {
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeEnhanceYourCalm {
				t.Errorf("the connection was ended for %v", f.ErrCode)
			}
			return false
		case *http2.PingFrame:
			if f.IsAck() {
				answered++
			}
		}
	}
	return true
}

func TestProfilesAreServedOnlyIfAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want int
	}{
		"by itself": {nil, http.StatusNotFound},
		"asked for": {[]string{"--pprof"}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, nil, test.args...)
			for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap"} {
				response, err := http.Get("http://" + server.web + path)
				if err != nil {
					t.Fatal(err)
				}
				if err := response.Body.Close(); err != nil || response.StatusCode != test.want {
					t.Errorf("%s: %s, %v", path, response.Status, err)
				}
			}
		})
	}
}

func TestTracesThatAreAskedForAreNotSentAndThatIsSaidOnce(t *testing.T) {
	for _, test := range []struct {
		name      string
		variables map[string]string
		args      []string
		warnings  int
	}{
		{"flags", nil, []string{"--otlp-address=collector:4317", "--otlp-insecure=false", "--otlp-headers=a=1,b=2", "--otlp-attrs=k:v,l:w"}, 1},
		{"variables", map[string]string{"ARGOCD_CMP_SERVER_OTLP_ADDRESS": "collector:4317", "ARGOCD_CMP_SERVER_OTLP_INSECURE": "false",
			"ARGOCD_CMP_SERVER_OTLP_HEADERS": "a=1", "ARGOCD_CMP_SERVER_OTLP_ATTRS": "k:v"}, nil, 1},
		{"nothing that would be sent anywhere", nil, []string{"--otlp-headers=a=1"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := start(t, test.variables, test.args...)
			if n := strings.Count(server.log.String(), "traces are not sent"); n != test.warnings {
				t.Errorf("%d warnings:\n%s", n, server.log)
			}
		})
	}
}
