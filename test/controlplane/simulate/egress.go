package simulate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// EgressConfig is the file for the API server's flag --egress-selector-config-file that makes it reach Services through
// Options.EgressSocket.
func EgressConfig(socket string) []byte {
	return fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport: {uds: {udsName: %q}}
`, socket)
}

// egress is the way from the API server into the cluster's network: a proxy that opens a tunnel to a Service if one of its
// pods is ready, and else refuses, as the network would. At the other end of every tunnel is the same server.
type egress struct {
	*world
	socket        net.Listener
	proxy, server *http.Server
	tunnels       *tunnels

	mu           sync.Mutex
	certificates map[string]*tls.Certificate
}

// tunnel is a connection to a Service.
type tunnel struct {
	net.Conn
	service *corev1.Service
}

func addEgress(w *world) error {
	if w.EgressSocket == "" {
		return nil
	}
	for _, kind := range []client.Object{&corev1.Service{}, &discoveryv1.EndpointSlice{}} {
		if _, err := w.manager.GetCache().GetInformer(context.Background(), kind); err != nil {
			return err
		}
	}
	socket, err := listen(w.EgressSocket)
	if err != nil {
		return fmt.Errorf("socket of the API server's egress: %w", err)
	}
	e := &egress{world: w, socket: socket, tunnels: newTunnels(), certificates: map[string]*tls.Certificate{}}
	log := slog.NewLogLogger(logr.ToSlogHandler(w.Log), slog.LevelInfo)
	e.proxy = &http.Server{Handler: http.HandlerFunc(e.connect), ReadHeaderTimeout: serverTimeout, ErrorLog: log}
	e.server = &http.Server{Handler: http.HandlerFunc(serveService), ReadHeaderTimeout: serverTimeout, ErrorLog: log, ConnContext: rememberService}
	// Every request opens a tunnel of its own: a pod that is gone answers none that it once had.
	e.server.SetKeepAlivesEnabled(false)
	return w.manager.Add(manager.RunnableFunc(e.run))
}

func (e *egress) run(ctx context.Context) error {
	ended := make(chan error, 2)
	go func() { ended <- e.proxy.Serve(e.socket) }()
	go func() { ended <- e.server.Serve(e.tunnels) }()
	select {
	case <-ctx.Done():
		return errors.Join(e.proxy.Close(), e.server.Close())
	case err := <-ended:
		return errors.Join(err, e.proxy.Close(), e.server.Close())
	}
}

// connect opens a tunnel.
func (e *egress) connect(response http.ResponseWriter, request *http.Request) {
	conn, _, err := http.NewResponseController(response).Hijack()
	if err != nil {
		e.Log.Error(err, "the API server's connection cannot be taken over")
		return
	}
	service, refusal, err := e.dial(request.Context(), request.Method, request.RequestURI)
	if err != nil {
		refusal = err.Error()
	}
	if refusal != "" {
		// The API server shows only this line.
		_, err := fmt.Fprintf(conn, "HTTP/1.1 503 %s\r\n\r\n", strings.ReplaceAll(refusal, "\n", " "))
		if err := errors.Join(err, conn.Close()); err != nil {
			e.Log.Error(err, "a refusal was not heard", "refusal", refusal)
		}
		return
	}
	if _, err = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n\r\n"); err == nil {
		err = e.tunnels.open(tls.Server(&tunnel{conn, service}, &tls.Config{GetCertificate: e.certificate, MinVersion: tls.VersionTLS12}))
	}
	if err != nil {
		e.Log.Error(errors.Join(err, conn.Close()), "a tunnel was not opened", "service", service.Name)
	}
}

// dial finds the Service behind an address, and says why it cannot be reached.
func (e *egress) dial(ctx context.Context, method, address string) (service *corev1.Service, refusal string, err error) {
	if method != http.MethodConnect {
		return nil, "only CONNECT is understood", nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	service, err = e.serviceAt(ctx, host)
	if err != nil || service == nil {
		return nil, "no service has the address " + address, err
	}
	if !hasPort(service, port) {
		return nil, fmt.Sprintf("service %s/%s has no port %s", service.Namespace, service.Name, port), nil
	}
	ready, err := e.hasReadyEndpoint(ctx, client.ObjectKeyFromObject(service))
	if err != nil {
		return nil, "", err
	}
	if !ready {
		return nil, fmt.Sprintf("no endpoints available for service %s/%s", service.Namespace, service.Name), nil
	}
	return service, "", nil
}

// serviceAt finds a Service by its address or by its name in the cluster's DNS; nil when there is none.
func (e *egress) serviceAt(ctx context.Context, host string) (*corev1.Service, error) {
	var all corev1.ServiceList
	if err := e.List(ctx, &all); err != nil {
		return nil, err
	}
	for i := range all.Items {
		service := &all.Items[i]
		if service.Spec.ClusterIP == host || service.Name+"."+service.Namespace+".svc" == host {
			return service, nil
		}
	}
	return nil, nil
}

func hasPort(service *corev1.Service, port string) bool {
	for _, each := range service.Spec.Ports {
		if strconv.Itoa(int(each.Port)) == port {
			return true
		}
	}
	return false
}

func (e *egress) hasReadyEndpoint(ctx context.Context, service types.NamespacedName) (bool, error) {
	var slices discoveryv1.EndpointSliceList
	if err := e.List(ctx, &slices, client.InNamespace(service.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service.Name}); err != nil {
		return false, err
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if len(slice.Ports) > 0 && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
				return true, nil
			}
		}
	}
	return false, nil
}

// certificate is that of whatever name a client asks for: pods have the certificates that their operators gave them.
func (e *egress) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.certificates[hello.ServerName]; known != nil {
		return known, nil
	}
	certificate, key, err := e.authority.issue(hello.ServerName)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	e.certificates[hello.ServerName] = &pair
	return &pair, nil
}
