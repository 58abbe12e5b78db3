package controlplane

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Alias is a cluster Secret for a further address of the same cluster: to Argo CD it is another cluster.
func (c *Cluster) Alias(name string, labels, annotations map[string]string) (*unstructured.Unstructured, error) {
	port, err := c.run.forward(strings.TrimPrefix(c.Server, "https://"))
	if err != nil {
		return nil, err
	}
	secret, err := c.ClusterSecret(name, labels, false)
	if err != nil {
		return nil, err
	}
	secret.SetAnnotations(annotations)
	return secret, unstructured.SetNestedField(secret.Object, local("https", port), "stringData", "server")
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
	r.closers = append(r.closers, listener.Close)
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
