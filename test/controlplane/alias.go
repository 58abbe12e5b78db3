package controlplane

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Alias is a further address of a cluster: to Argo CD it is another cluster.
type Alias struct {
	Name string
	// Labels and Annotations are those of its cluster Secret.
	Labels, Annotations map[string]string
}

// RegisterAlias lets Argo CD know of a further address of a cluster.
func (s *Stack) RegisterAlias(ctx context.Context, cluster *Cluster, alias Alias) error {
	port, err := s.run.forward(strings.TrimPrefix(cluster.Server, "https://"))
	if err != nil {
		return err
	}
	secret, err := cluster.ClusterSecret(alias.Name, alias.Labels, false)
	if err != nil {
		return err
	}
	secret.SetAnnotations(alias.Annotations)
	if err := unstructured.SetNestedField(secret.Object, local("https", port), "stringData", "server"); err != nil {
		return err
	}
	return s.Staging.Apply(ctx, secret)
}

// forward listens on a free port, and passes on to an address what comes.
func (r *run) forward(address string) (int, error) {
	port, err := r.ports.Take()
	if err != nil {
		return 0, err
	}
	listener, err := net.Listen("tcp", strings.TrimPrefix(local("tcp", port), "tcp://"))
	if err != nil {
		return 0, err
	}
	r.atEnd(listener.Close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go pass(connection, address)
		}
	}()
	return port, nil
}

// pass connects both ends until one of them hangs up. Whoever is interested sees a connection that is gone.
func pass(connection net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		_ = connection.Close()
		return
	}
	hangUp := sync.OnceFunc(func() { _ = errors.Join(connection.Close(), server.Close()) })
	go func() {
		defer hangUp()
		_, _ = io.Copy(server, connection)
	}()
	defer hangUp()
	_, _ = io.Copy(connection, server)
}
