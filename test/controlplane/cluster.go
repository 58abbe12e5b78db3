package controlplane

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane/process"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

// Cluster is a Kubernetes cluster: etcd, API server, controllers, scheduler, and simulated nodes and operators.
type Cluster struct {
	client.Client
	Name string
	// Server is the URL of the API server.
	Server string
	// Config is that of an administrator.
	Config *rest.Config
	// Kubeconfig is the file with it.
	Kubeconfig string

	run        *run
	options    Options
	dir        string
	port       int
	apiServer  *process.Process
	simulation *simulate.Simulation
	tokens     map[string]string
}

// Users of the clusters. Those of Argo CD and of the generator are called as their service accounts are, so that the roles
// they ship with hold for them.
const (
	administrator     = "administrator"
	controllerManager = "system:kube-controller-manager"
	scheduler         = "system:kube-scheduler"
	nodes             = "tidegate:nodes"
	// Deployer is who Argo CD is on a cluster of its fleet.
	Deployer = "tidegate:deployer"
)

// groups of users that have more than their roles.
var groups = map[string]string{administrator: "system:masters", nodes: "system:masters", controllerManager: "system:masters"}

func newCluster(run *run, name string, options Options) (*Cluster, error) {
	port, err := run.ports.Take()
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		Name: name, Server: local("https", port), run: run, options: options, dir: filepath.Join(run.Dir, name), port: port,
		tokens: map[string]string{},
	}
	users := []string{administrator, controllerManager, scheduler, nodes, Deployer}
	for _, component := range serviceAccounts {
		users = append(users, ServiceAccount(component))
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	return c, c.writeTokens(users)
}

// writeTokens gives every user a token.
func (c *Cluster) writeTokens(users []string) error {
	var lines strings.Builder
	for _, user := range users {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		c.tokens[user] = hex.EncodeToString(secret)
		fmt.Fprintf(&lines, "%s,%s,%s,%q\n", c.tokens[user], user, user, strings.Join([]string{groups[user], "system:authenticated"}, ","))
	}
	return os.WriteFile(c.file("tokens.csv"), []byte(lines.String()), 0o600)
}

func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

// start starts the servers and waits until the cluster can be used.
func (c *Cluster) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		c.startStorage, c.startAPIServer, c.connect, c.defineOperators, c.startControllers, c.addNode, c.simulate,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("cluster %s: %w", c.Name, err)
		}
	}
	return nil
}

func (c *Cluster) startStorage(ctx context.Context) error {
	clients, peers, err := c.run.twoPorts()
	if err != nil {
		return err
	}
	if _, err := c.run.start(process.Spec{
		Name: c.Name + "-etcd", Path: c.run.programs["etcd"], Dir: c.dir, Env: []string{alone},
		Args: []string{
			"--data-dir=" + c.file("etcd"), "--listen-client-urls=" + local("http", clients), "--advertise-client-urls=" + local("http", clients),
			"--listen-peer-urls=" + local("http", peers), "--initial-advertise-peer-urls=" + local("http", peers),
			"--initial-cluster=default=" + local("http", peers), "--unsafe-no-fsync", "--log-level=warn",
			"--heartbeat-interval=1000", "--election-timeout=10000", // with itself: it is alone
		},
	}); err != nil {
		return err
	}
	if err := c.writeKeys(); err != nil {
		return err
	}
	return os.WriteFile(c.file("api-server.args"), []byte(strings.Join(c.apiServerArgs(clients), "\n")), 0o644)
}

// writeKeys makes the key of service account tokens, and the policies that the API server is given as files.
func (c *Cluster) writeKeys() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{
		"service-accounts.key": encoded, "audit.yaml": []byte(auditPolicy), "egress.yaml": simulate.EgressConfig(c.file("egress.sock")),
	} {
		if err := os.WriteFile(c.file(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) apiServerArgs(storage int) []string {
	return []string{
		"--etcd-servers=" + local("http", storage), fmt.Sprintf("--secure-port=%d", c.port), "--bind-address=127.0.0.1", "--cert-dir=" + c.dir,
		"--token-auth-file=" + c.file("tokens.csv"), "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + c.file("service-accounts.key"),
		"--service-account-signing-key-file=" + c.file("service-accounts.key"), "--service-cluster-ip-range=10.96.0.0/16",
		"--allow-privileged=true", "--audit-policy-file=" + c.file("audit.yaml"), "--audit-log-path=" + c.file("audit.log"),
		"--egress-selector-config-file=" + c.file("egress.yaml"), "--endpoint-reconciler-type=none", "--profiling=false",
		"--enable-priority-and-fairness=false", // nobody has to be protected from others here
	}
}

// auditPolicy records who changed what, in order.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
- level: None
  resources:
  - {group: "", resources: [events]}
  - {group: coordination.k8s.io, resources: [leases]}
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`

func (c *Cluster) startAPIServer(context.Context) error {
	args, err := os.ReadFile(c.file("api-server.args"))
	if err != nil {
		return err
	}
	c.apiServer, err = c.run.start(process.Spec{
		Name: c.Name + "-api-server", Path: c.run.programs["kube-apiserver"], Dir: c.dir, Args: strings.Split(string(args), "\n"),
	})
	return err
}

// connect waits for the API server, and makes a client of it.
func (c *Cluster) connect(ctx context.Context) error {
	certificate := c.file("apiserver.crt")
	if err := c.run.until(ctx, c.Name+" API server has made its certificate", func(context.Context) error {
		_, err := os.Stat(certificate)
		return err
	}); err != nil {
		return err
	}
	c.Config = c.ConfigFor(administrator)
	// Tests wait for conditions by reading again and again. A limit would answer in place of what is missing when time is up.
	c.Config.QPS = -1
	if err := c.run.until(ctx, c.Name+" API server is ready", c.ready); err != nil {
		return err
	}
	var err error
	if c.Client, err = client.New(c.Config, client.Options{Scheme: Scheme}); err != nil {
		return err
	}
	c.Kubeconfig, err = c.KubeconfigFor(administrator)
	return err
}

func (c *Cluster) ready(ctx context.Context) error {
	http, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return err
	}
	return get(ctx, http, c.Server+"/readyz")
}

func (c *Cluster) startControllers(context.Context) error {
	for _, server := range []struct {
		name, user string
		args       []string
	}{
		{"kube-controller-manager", controllerManager, []string{
			"--secure-port=0", "--leader-elect=false", "--service-account-private-key-file=" + c.file("service-accounts.key"),
			"--root-ca-file=" + c.file("apiserver.crt"), "--horizontal-pod-autoscaler-sync-period=2s", "--node-monitor-grace-period=10m",
			"--controllers=" + controllers,
		}},
		{"kube-scheduler", scheduler, []string{"--secure-port=0", "--leader-elect=false"}},
		{"kwok", nodes, []string{"--manage-all-nodes=true", "--config=" + c.file("kwok.yaml"), "--node-lease-duration-seconds=0"}},
	} {
		kubeconfig, err := c.KubeconfigFor(server.user)
		if err != nil {
			return err
		}
		if server.name == "kwok" {
			if err := os.WriteFile(c.file("kwok.yaml"), simulate.Stages(), 0o644); err != nil {
				return err
			}
		}
		if _, err := c.run.start(process.Spec{
			Name: c.Name + "-" + server.name, Path: c.run.programs[server.name], Dir: c.dir, Env: []string{alone},
			Args: append(server.args, "--kubeconfig="+kubeconfig),
		}); err != nil {
			return err
		}
	}
	return nil
}

// controllers are those whose work somebody waits for here.
const controllers = "deployment-controller,replicaset-controller,statefulset-controller,daemonset-controller,job-controller," +
	"cronjob-controller,horizontal-pod-autoscaler-controller,disruption-controller,endpoints-controller,endpointslice-controller," +
	"garbage-collector-controller,namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller," +
	"persistentvolume-binder-controller,persistentvolumeclaim-protection-controller,persistentvolume-protection-controller," +
	"clusterrole-aggregation-controller,pod-garbage-collector-controller,ttl-after-finished-controller"

// addNode adds the node that kwok pretends to be the kubelet of.
func (c *Cluster) addNode(ctx context.Context) error {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1000"), corev1.ResourceMemory: resource.MustParse("1000Gi"), corev1.ResourcePods: resource.MustParse("10000"),
		corev1.ResourceEphemeralStorage: resource.MustParse("10000Gi"),
	}
	return c.Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "node-0",
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels:      map[string]string{"kubernetes.io/hostname": "node-0", "kubernetes.io/os": "linux"},
		},
		Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	})
}

// podStart is how long a pod takes from its node to its first container.
const podStart = 200 * time.Millisecond

func (c *Cluster) simulate(ctx context.Context) error {
	file, err := os.OpenFile(c.run.log(c.Name+"-simulation"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	c.simulation, err = simulate.Start(c.run.ctx, simulate.Options{
		Config: c.Config, EgressSocket: c.file("egress.sock"), Log: logr.FromSlogHandler(slog.NewTextHandler(file, nil)),
		PodStart: podStart, JobRun: podStart, Delay: cmp.Or(c.options.OperatorDelay, podStart),
	})
	if err != nil {
		return errors.Join(err, file.Close())
	}
	c.run.atEnd(file.Close)
	c.run.watch(func() error {
		if err := c.simulation.Failed(); err != nil {
			return fmt.Errorf("the simulation of cluster %s ended: %w", c.Name, err)
		}
		return nil
	})
	return nil
}

// RestartAPIServer kills the API server and starts it anew, on the same address and the same data.
func (c *Cluster) RestartAPIServer(ctx context.Context) error {
	c.StopAPIServer()
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	return c.run.until(ctx, c.Name+" API server is ready again", c.ready)
}

// StopAPIServer kills the API server.
func (c *Cluster) StopAPIServer() { c.apiServer.Kill() }

// startTimeout is how long a server may take to be ready: a busy machine of two cores is slow.
const startTimeout = 3 * time.Minute

// defineOperators installs the kinds of the operators that are simulated.
func (c *Cluster) defineOperators(ctx context.Context) error {
	definitions, err := simulate.CRDs(c.options.Operators...)
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		if err := c.Create(ctx, definition); err != nil {
			return err
		}
	}
	return nil
}
