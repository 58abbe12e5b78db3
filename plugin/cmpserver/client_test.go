package cmpserver_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
	"github.com/tidegate/tidegate/plugin/render"
)

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	render.Lockdown()
	os.Exit(m.Run())
}

func settings(environment []string) (plugin.Settings, []string, error) {
	s := plugin.Defaults()
	return s, nil, s.Environment(environment)
}

// serve serves on a socket and returns a client.
func serve(t testing.TB, options cmpserver.Options) protocol.ConfigManagementPluginServiceClient {
	t.Helper()
	options.Settings = settings
	listener := listen(t, socket(t))
	server := cmpserver.New(options).GRPC()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dial(t, listener.Addr().String())
}

func listen(t testing.TB, path string) net.Listener {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// socket is a short path: that of a unix socket has at most 107 bytes.
func socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "tidegate.sock")
}

func dial(t testing.TB, path string, options ...grpc.DialOption) protocol.ConfigManagementPluginServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+path, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return protocol.NewConfigManagementPluginServiceClient(conn)
}

// pack makes the archive of these files that Argo CD would.
func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o644}
		target, isLink := strings.CutPrefix(files[name], "-> ")
		if isLink {
			header = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if !isLink {
			if _, err := archive.Write([]byte(files[name])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// request is what a client sends, message by message.
type request []*protocol.AppStreamRequest

func metadata(m *protocol.ManifestRequestMetadata) *protocol.AppStreamRequest {
	return &protocol.AppStreamRequest{Request: &protocol.AppStreamRequest_Metadata{Metadata: m}}
}

func chunk(content []byte) *protocol.AppStreamRequest {
	return &protocol.AppStreamRequest{Request: &protocol.AppStreamRequest_File{File: &protocol.File{Chunk: content}}}
}

func describe(dir string, content []byte, env ...string) *protocol.ManifestRequestMetadata {
	sum := sha256.Sum256(content)
	m := &protocol.ManifestRequestMetadata{
		AppName: filepath.Base(dir), AppRelPath: dir, Checksum: hex.EncodeToString(sum[:]), Size: int64(len(content)),
	}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		m.Env = append(m.Env, &protocol.EnvEntry{Name: name, Value: value})
	}
	return m
}

// ask is the request that Argo CD would send for a folder of an archive.
func ask(dir string, content []byte, env ...string) request {
	r := request{metadata(describe(dir, content, env...))}
	for part := range slices.Chunk(content, 1024) {
		r = append(r, chunk(part))
	}
	return r
}

// generate sends a request as Argo CD's client does: it gives up where sending fails.
func generate(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, r request) ([]string, error) {
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range r {
		if err := stream.Send(message); err != nil {
			return nil, errors.Join(errors.New("sending failed"), err)
		}
	}
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

var service = map[string]string{
	"app/kustomization.yaml": "resources: [settings.yaml]\n",
	"app/settings.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {region: \"${REGION}\"}\n",
}

const region = "ARGOCD_ENV_REGION=eu-west-1"

func with(files map[string]string, name, content string) map[string]string {
	changed := maps.Clone(files)
	changed[name] = content
	return changed
}
