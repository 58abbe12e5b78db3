package cmpserver_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	grpcmetadata "google.golang.org/grpc/metadata"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

// What Argo CD's own servers do is asked of these, with the clients that belong to them, in test/cmpserver.
func TestAVariableWithoutAValueIsThereIfArgoCDsOwnServerOfTheClientsVersionKeepsIt(t *testing.T) {
	server := cmpserver.New(cmpserver.Options{Settings: settings})
	for _, test := range []struct {
		name, agent string
		kept        bool
	}{
		{"Argo CD 2.13", "grpc-go/1.66.2", false},
		{"Argo CD 2.14", "grpc-go/1.68.1", false},
		{"Argo CD 3.0", "grpc-go/1.71.0", true},
		{"Argo CD 3.3", "grpc-go/1.79.3", true},
		{"a name before it", "argocd-repo-server/v2.14.21 grpc-go/1.68.1", false},
		{"another program", "curl/8", true},
		{"nothing", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(grpcmetadata.NewIncomingContext(t.Context(), grpcmetadata.Pairs("user-agent", test.agent)), time.Minute)
			defer cancel()
			messages := ask("app", pack(t, service), "ARGOCD_ENV_CLUSTER=a", "ARGOCD_ENV_REGION=")
			err := handle(server, &scripted{ctx: ctx, messages: messages, then: func() error { return io.EOF }})
			if kept := err == nil; kept != test.kept || !kept && !strings.Contains(err.Error(), "REGION") {
				t.Errorf("got %v", err)
			}
		})
	}
}
