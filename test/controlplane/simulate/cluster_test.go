//go:build e2e

package simulate_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane/process"
	"github.com/tidegate/tidegate/test/controlplane/servers"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

var scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
}

// cluster is a control plane without Argo CD, and a simulation of the rest.
type cluster struct {
	client.Client
	*testing.T
	config     *rest.Config
	dir        string
	folder     *process.Folder
	programs   servers.Programs
	processes  map[string]*process.Process
	simulation *simulate.Simulation
}

// patience is how long a test waits for anything, on a machine that does a lot else.
const patience = 3 * time.Minute

// start starts a cluster for one test.
func start(t *testing.T) *cluster {
	t.Helper()
	programs, err := servers.Build(t.Context(), os.Stderr)
	must(t, err)
	// A socket's path has a limit that a test's own folder exceeds.
	folder, err := process.NewFolder(os.TempDir(), "tidegate-simulate-", process.ForReading)
	must(t, err)
	c := &cluster{T: t, dir: folder.Path, folder: folder, programs: programs, processes: map[string]*process.Process{}}
	t.Cleanup(c.clear)
	t.Cleanup(c.stop)
	c.startServers(c.file("egress.sock"))
	c.simulate(simulate.Options{EgressSocket: c.file("egress.sock")})
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("100"), corev1.ResourceMemory: resource.MustParse("100Gi"), corev1.ResourcePods: resource.MustParse("1000"),
	}
	c.create(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node-0", Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}},
		Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	})
	return c
}

func (c *cluster) startServers(socket string) {
	c.Helper()
	ports, err := process.NewPorts()
	must(c, err)
	c.Cleanup(func() { must(c, ports.Close()) })
	storage, peers, secure := c.port(ports), c.port(ports), c.port(ports)
	c.write("egress.yaml", simulate.EgressConfig(socket))
	c.write("kwok.yaml", simulate.Stages())
	c.write("tokens.csv", []byte(`secret,administrator,administrator,"system:masters"`))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(c, err)
	c.write("accounts.key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))

	c.run("etcd", "--data-dir="+c.file("etcd"), "--listen-client-urls="+storage, "--advertise-client-urls="+storage,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=default="+peers, "--unsafe-no-fsync")
	c.run("kube-apiserver", "--etcd-servers="+storage, "--secure-port="+secure[strings.LastIndex(secure, ":")+1:], "--bind-address=127.0.0.1",
		"--cert-dir="+c.dir, "--token-auth-file="+c.file("tokens.csv"), "--authorization-mode=RBAC", "--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+c.file("accounts.key"),
		"--service-account-signing-key-file="+c.file("accounts.key"), "--service-cluster-ip-range=10.96.0.0/16", "--advertise-address=127.0.0.1",
		"--disable-admission-plugins=TaintNodesByCondition", "--egress-selector-config-file="+c.file("egress.yaml"))
	c.config = &rest.Config{
		Host: strings.Replace(secure, "http:", "https:", 1), BearerToken: "secret", TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: -1,
	}
	c.connect()
	kubeconfig := "--kubeconfig=" + c.kubeconfig()
	c.run("kube-controller-manager", kubeconfig, "--secure-port=0", "--leader-elect=false", "--root-ca-file="+c.file("apiserver.crt"),
		"--service-account-private-key-file="+c.file("accounts.key"),
		"--controllers=*,-nodelifecycle,-node-ipam-controller,-node-route-controller,-horizontal-pod-autoscaler-controller")
	c.run("kube-scheduler", kubeconfig, "--secure-port=0", "--leader-elect=false")
	c.run("kwok", kubeconfig, "--manage-all-nodes=true", "--config="+c.file("kwok.yaml"), "--node-lease-duration-seconds=0")
}

func (c *cluster) port(ports *process.Ports) string {
	c.Helper()
	port, err := ports.Take()
	must(c, err)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func (c *cluster) file(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) write(name string, content []byte) {
	c.Helper()
	must(c, os.WriteFile(c.file(name), content, 0o600))
}

func (c *cluster) run(name string, args ...string) {
	c.Helper()
	running, err := process.Start(process.Spec{Name: name, Path: c.programs[name], Args: args, Dir: c.dir, Log: c.file(name + ".log")})
	must(c, err)
	c.processes[name] = running
}

// connect waits until the API server is ready.
func (c *cluster) connect() {
	c.Helper()
	web, err := rest.HTTPClientFor(c.config)
	must(c, err)
	c.until("the API server is ready", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.Host+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := web.Do(request)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			err = fmt.Errorf("readyz: %s", response.Status)
		}
		return cause(err, response.Body.Close())
	})
	c.Client, err = client.New(c.config, client.Options{Scheme: scheme})
	must(c, err)
}

func (c *cluster) kubeconfig() string {
	c.Helper()
	path := c.file("kubeconfig")
	must(c, clientcmd.WriteToFile(api.Config{
		CurrentContext: "here",
		Contexts:       map[string]*api.Context{"here": {Cluster: "here", AuthInfo: "administrator"}},
		Clusters:       map[string]*api.Cluster{"here": {Server: c.config.Host, InsecureSkipTLSVerify: true}},
		AuthInfos:      map[string]*api.AuthInfo{"administrator": {Token: c.config.BearerToken}},
	}, path))
	return path
}

// simulate starts the simulation.
func (c *cluster) simulate(options simulate.Options) {
	c.Helper()
	options.Config, options.Log = c.config, testr.New(c.T)
	var err error
	c.simulation, err = simulate.Start(context.WithoutCancel(c.Context()), options)
	must(c, err)
}

// restartAPIServer kills the API server and starts it again.
func (c *cluster) restartAPIServer() {
	c.Helper()
	old := c.processes["kube-apiserver"]
	old.Kill()
	c.run("kube-apiserver", old.Args...)
	c.connect()
}

func (c *cluster) stop() {
	if c.simulation != nil {
		if err := c.simulation.Stop(); err != nil {
			c.Errorf("the simulation broke: %v", err)
		}
	}
	for _, running := range c.processes {
		if err := running.Failed(); err != nil {
			c.Error(err)
		}
		running.Stop(context.Background(), time.Second)
	}
}

// clear removes the cluster's folder. After a failure it stays, and the ends of the logs in it are shown.
func (c *cluster) clear() {
	must(c, c.folder.Keep())
	if !c.Failed() {
		must(c, os.RemoveAll(c.dir))
		return
	}
	for name := range c.processes {
		log, err := os.ReadFile(c.file(name + ".log"))
		if err != nil {
			c.Error(err)
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		c.Logf("the last lines of %s:\n%s", c.file(name+".log"), strings.Join(lines[max(0, len(lines)-12):], "\n"))
	}
}

// until waits until a condition holds, and fails with what was missing.
func (c *cluster) until(what string, condition func(context.Context) error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var missing error
	for {
		if err := condition(ctx); err == nil {
			return
		} else if ctx.Err() == nil {
			missing = err
		}
		select {
		case <-ctx.Done():
			c.Fatalf("%s: not within %s: %v", what, patience, missing)
		case <-ticker.C:
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cause(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
