package controlplane

import (
	"context"
	"errors"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// askTimeout is how long a server that has just started may take for an answer, before it is asked again.
const askTimeout = 5 * time.Second

// pluginAnswers is nil when a plugin's server answers on its socket. A server that was killed leaves the socket behind: that
// it is there says nothing.
func pluginAnswers(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	client := apiclient.NewConfigManagementPluginServiceClient(connection)
	_, err = client.CheckPluginConfiguration(ctx, &emptypb.Empty{})
	return errors.Join(err, connection.Close())
}
