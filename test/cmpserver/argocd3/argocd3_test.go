// Package argocd3 asks the plugin's server with the client of Argo CD 3, as its repo-server does.
package argocd3

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v3/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v3/cmpserver/plugin"
	"github.com/argoproj/argo-cd/v3/util/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"
	"sigs.k8s.io/yaml"
)

const (
	root    = "../../.."
	example = root + "/examples/gitops-platform"
	overlay = example + "/services/payments-api/overlays/staging"
)

// program is the sidecar's.
var program string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "argocd3")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "tidegate-plugin")
	build := exec.Command("go", "build", "-o", program, "./cmd/tidegate-plugin")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", build, err, out)
	}
	return m.Run(), nil
}

// serve runs the program with a plugin.yaml and returns Argo CD's client of it.
func serve(t *testing.T, config string) apiclient.ConfigManagementPluginServiceClient {
	t.Helper()
	// A short path: that of a unix socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "cmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "serve", "--http-address=", "--config-dir-path="+dir)
	server.Env = append(os.Environ(), "ARGOCD_PLUGINSOCKFILEPATH="+dir)
	server.Stderr = t.Output()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Error(err)
		}
	})
	socket := filepath.Join(dir, "tidegate.sock")
	waitFor(t, socket)
	conn, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return client
}

// waitFor returns when the server says that it serves: Argo CD's client does not wait for one that starts.
func waitFor(t *testing.T, socket string) {
	t.Helper()
	soon := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(soon))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	response, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil || response.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("the server is %v, %v", response, err)
	}
}

// send sends the repository as repo-server does.
func send(t *testing.T, stream cmp.StreamSender, dir string, env ...string) {
	t.Helper()
	err := cmp.SendRepoStream(t.Context(), dir, example, stream, env, []string{".git"}, cmp.WithTarDoneChan(make(chan bool, 1)))
	if err != nil {
		t.Fatal(err)
	}
}

func shipped(t *testing.T) string {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(root, "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

var environment = []string{"ARGOCD_APP_NAME=payments-api-staging", "ARGOCD_APP_NAMESPACE=payments-staging"}

func generate(t *testing.T, client apiclient.ConfigManagementPluginServiceClient, dir string, env ...string) ([]string, error) {
	t.Helper()
	stream, err := client.GenerateManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send(t, stream, dir, env...)
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

func TestArgoCD3GetsWhatRenderPrints(t *testing.T) {
	client := serve(t, shipped(t))
	want := rendered(t)
	for range 2 { // the second time what is kept is used again
		got, err := generate(t, client, overlay, environment...)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d manifests, tidegate-plugin render prints %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("manifest %d is\n%s\ntidegate-plugin render prints\n%s", i, got[i], want[i])
			}
		}
	}
}

// rendered is what the exec mode prints, as JSON.
func rendered(t *testing.T) (documents []string) {
	t.Helper()
	render := exec.Command(program, "render", "--policy-floor=enforce")
	render.Dir, render.Env = overlay, append(os.Environ(), environment...)
	out, err := render.Output()
	if err != nil {
		t.Fatal(err)
	}
	for text := range bytes.SplitSeq(out, []byte("\n---\n")) {
		var object map[string]any
		if err := yaml.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		document, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(document))
	}
	return documents
}

// ownServer runs Argo CD 3's own server, which runs the program's render command, and returns Argo CD's client of it.
func ownServer(t *testing.T) apiclient.ConfigManagementPluginServiceClient {
	t.Helper()
	dir, err := os.MkdirTemp("", "cmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(shipped(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(program))
	config, err := plugin.ReadPluginConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ARGOCD_CMP_WORKDIR", dir)
	service := plugin.NewService(plugin.CMPServerInitConstants{PluginConfig: *config})
	if err := service.Init(filepath.Join(dir, "work")); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "tidegate.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	apiclient.RegisterConfigManagementPluginServiceServer(server, service)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	conn, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return client
}

func TestAVariableWithoutAValueIsThereForArgoCD3(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"kustomization.yaml": "resources: [settings.yaml]\n",
		"settings.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {region: \"${REGION}\", cluster: \"${CLUSTER}\"}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, client := range map[string]apiclient.ConfigManagementPluginServiceClient{"exec": ownServer(t), "native": serve(t, shipped(t))} {
		t.Run(name, func(t *testing.T) {
			stream, err := client.GenerateManifest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			variables := append([]string{"ARGOCD_ENV_CLUSTER=a", "ARGOCD_ENV_REGION="}, environment...)
			if err := cmp.SendRepoStream(t.Context(), dir, dir, stream, variables, nil, cmp.WithTarDoneChan(make(chan bool, 1))); err != nil {
				t.Fatal(err)
			}
			response, err := stream.CloseAndRecv()
			if err != nil || len(response.GetManifests()) != 1 || !strings.Contains(response.GetManifests()[0], `"region":""`) {
				t.Errorf("got %v, %v", response.GetManifests(), err)
			}
		})
	}
}

func TestArgoCD3ShowsTheMessageAndNotAnEndOfFile(t *testing.T) {
	client := serve(t, shipped(t))
	for name, dir := range map[string]string{"no kustomization": example + "/services", "the whole repository": example} {
		t.Run(name, func(t *testing.T) {
			_, err := generate(t, client, dir, environment...)
			if err == nil || !strings.Contains(err.Error(), "kustomization") || strings.Contains(err.Error(), io.EOF.Error()) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestArgoCD3GetsTheParametersThatAreAnnounced(t *testing.T) {
	stream, err := serve(t, shipped(t)).GetParametersAnnouncement(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send(t, stream, overlay)
	response, err := stream.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	announced := map[string]string{}
	for _, a := range response.ParameterAnnouncements {
		announced[a.Name] = a.CollectionType + a.String_
	}
	if announced["waves"] != "stringtiers" || announced["images"] != "array" {
		t.Errorf("announced are %v", announced)
	}
}

func TestArgoCD3DiscoversWhatTheRuleNames(t *testing.T) {
	const head = "kind: ConfigManagementPlugin\nmetadata: {name: tidegate}\nspec:\n  generate: {command: [tidegate-plugin, render]}\n"
	for _, test := range []struct {
		rule                string
		configured, matched bool
	}{
		{"", false, false},
		{"  discover: {fileName: kustomization.yaml}\n", true, true},
		{"  discover: {find: {glob: '**/{Chart,values}.yaml'}}\n", true, false},
		{"  discover: {find: {glob: '**/{Chart,image-tag}.yaml'}}\n", true, true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			client := serve(t, head+test.rule)
			checked, err := client.CheckPluginConfiguration(t.Context(), &emptypb.Empty{})
			if err != nil || checked.IsDiscoveryConfigured != test.configured || checked.ProvideGitCreds {
				t.Errorf("the configuration is %v, %v", checked, err)
			}
			stream, err := client.MatchRepository(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			send(t, stream, overlay)
			response, err := stream.CloseAndRecv()
			if err != nil || response.IsSupported != test.matched || response.IsDiscoveryEnabled != test.configured {
				t.Errorf("got %v, %v", response, err)
			}
		})
	}
}
