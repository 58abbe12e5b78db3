package preview

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/server"
)

// loopback is our server on a port of this machine, and what Argo CD needs to find it.
type loopback struct {
	address string
	token   string
	close   func()
}

// listen serves an answerer. Until it is closed, HTTP of this process reaches it and, beside it, what it reached before:
// Argo CD's client has no transport of its own, and the command line has shut the standard one.
func listen(answerer generator.Answerer) (*loopback, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &loopback{address: listener.Addr().String(), token: rand.Text()}
	handler := server.New(server.Options{
		Answerer: answerer,
		Token:    server.FixedToken(s.token),
		Limits:   server.Limits{Answer: requestTimeout, Send: requestTimeout},
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = handler.Serve(ctx, listener)
	}()
	own := &http.Transport{DisableCompression: true}
	previous := http.DefaultTransport
	http.DefaultTransport = transport{s.address, own, previous}
	s.close = func() {
		http.DefaultTransport = previous
		own.CloseIdleConnections()
		stop()
		<-ended
	}
	return s, nil
}

// requestTimeout is for repositories that take long to render for the first time.
const requestTimeout = 10 * time.Minute

type transport struct {
	address     string
	own, others http.RoundTripper
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == t.address {
		return t.own.RoundTrip(r)
	}
	return t.others.RoundTrip(r)
}

// settings stands for the cluster: the ConfigMap and the Secret through which Argo CD's plugin generator finds the server.
// Everything else that a client can do is missing, so that using it would be noticed.
type settings struct {
	client.Client
	loopback *loopback
}

func (s settings) Get(_ context.Context, key types.NamespacedName, into client.Object, _ ...client.GetOption) error {
	switch object := into.(type) {
	case *corev1.ConfigMap:
		object.Data = map[string]string{
			"baseUrl":        "http://" + s.loopback.address,
			"token":          "$tidegate:token",
			"requestTimeout": fmt.Sprint(int(requestTimeout.Seconds())),
		}
		return nil
	case *corev1.Secret:
		object.Data = map[string][]byte{"token": []byte(s.loopback.token)}
		return nil
	}
	return fmt.Errorf("preview knows no %T %s", into, key)
}
