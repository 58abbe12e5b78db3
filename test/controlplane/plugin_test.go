package controlplane

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// answering is a plugin's server that has started.
type answering struct {
	apiclient.UnimplementedConfigManagementPluginServiceServer
}

func (answering) CheckPluginConfiguration(context.Context, *emptypb.Empty) (*apiclient.CheckPluginConfigurationResponse, error) {
	return &apiclient.CheckPluginConfigurationResponse{}, nil
}

func TestAPluginThatWasKilledIsNotTakenForTheNextOne(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "tidegate.sock")
	if err := pluginAnswers(t.Context(), socket); err == nil {
		t.Error("nobody has ever listened, and it answers")
	}
	killed, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	killed.SetUnlinkOnClose(false)
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pluginAnswers(t.Context(), socket); err == nil {
		t.Error("the socket of one that was killed answers")
	}
	next := filepath.Join(t.TempDir(), "tidegate.sock")
	listener, err := net.Listen("unix", next)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	apiclient.RegisterConfigManagementPluginServiceServer(server, &answering{})
	defer server.Stop()
	go func() { _ = server.Serve(listener) }() // until Stop
	if err := Until(t.Context(), "the plugin answers", func(ctx context.Context) error { return pluginAnswers(ctx, next) }); err != nil {
		t.Error(err)
	}
}
