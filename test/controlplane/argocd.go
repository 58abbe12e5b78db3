package controlplane

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane/process"
)

// ArgoCD is Argo CD's servers.
type ArgoCD struct {
	RepoServer, Controller, ApplicationSets, Notifications *process.Process

	run     *run
	cluster *Cluster
	// redis and repoServer are addresses.
	redis, repoServer string
	// Plugins is the folder of the plugins' sockets.
	Plugins string
	env     []string
	resync  time.Duration
}

// installArgoCD applies what Argo CD's own install.yaml has, but for what runs it in containers.
func installArgoCD(ctx context.Context, cluster *Cluster) error {
	objects, err := argoCDsOwn()
	if err != nil {
		return err
	}
	if err := cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}); err != nil {
		return err
	}
	return cluster.applyAs(ctx, "argo-cd", objects)
}

// argoCDsOwn reads them once for all control planes of a process: its definitions are a megabyte of YAML.
var argoCDsOwn = sync.OnceValues(func() ([]*unstructured.Unstructured, error) {
	dir, err := ModuleFolder(context.Background(), "github.com/argoproj/argo-cd/v2")
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(dir, "manifests", "install.yaml"))
	if err != nil {
		return nil, err
	}
	objects, err := Objects(content)
	kinds := []string{
		"CustomResourceDefinition", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "Secret",
	}
	return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return !slices.Contains(kinds, o.GetKind()) }), err
})

// ModuleFolder is where the files of a module are.
func ModuleFolder(ctx context.Context, module string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	return strings.TrimSpace(string(output)), nil
}

// Objects reads manifests.
func Objects(content []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	var out []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			out = append(out, object)
		}
	}
}

// Apply applies manifests as kubectl does on the server's side, those without a namespace in Argo CD's. It waits until
// CustomResourceDefinitions can be used.
func (c *Cluster) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	return c.applyAs(ctx, "tidegate-e2e", objects)
}

// applyAs applies as a field manager: what another one has set stays.
func (c *Cluster) applyAs(ctx context.Context, owner client.FieldOwner, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		err := c.run.until(ctx, "applying "+object.GetKind()+" "+object.GetName(), func(ctx context.Context) error {
			return c.applyOne(ctx, owner, object.DeepCopy())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) applyOne(ctx context.Context, owner client.FieldOwner, object *unstructured.Unstructured) error {
	mapping, err := c.RESTMapper().RESTMapping(object.GroupVersionKind().GroupKind(), object.GroupVersionKind().Version)
	if err != nil {
		return err // its CustomResourceDefinition may be on its way
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace && object.GetNamespace() == "" {
		object.SetNamespace(Namespace)
	}
	return c.Patch(ctx, object, client.Apply, owner, client.ForceOwnership)
}

// ApplyFile applies the manifests of a file of the repository, with texts replaced.
func (c *Cluster) ApplyFile(ctx context.Context, path string, oldNew ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return err
	}
	objects, err := Objects([]byte(strings.NewReplacer(oldNew...).Replace(string(content))))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return c.Apply(ctx, objects...)
}

// configureArgoCD gives Argo CD its key and the health check that Tidegate's installation adds, and further settings.
func configureArgoCD(ctx context.Context, cluster *Cluster, settings string) error {
	secret := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "argocd-secret"},
		"stringData": map[string]any{"server.secretkey": "a key of nobody's"},
	}}
	if err := cluster.Apply(ctx, secret); err != nil {
		return err
	}
	return cluster.ApplyFile(ctx, "manifests/argocd-cm.yaml", "\ndata:\n", "\ndata:\n"+settings)
}

// startRedis starts Redis in this process. Its keys expire by the clock, which miniredis leaves to its user.
func startRedis(run *run) (string, error) {
	redis := miniredis.NewMiniRedis()
	if err := redis.Start(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(run.ctx)
	go func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				redis.FastForward(time.Second)
			}
		}
	}()
	run.atEnd(func() error {
		cancel()
		redis.Close()
		return nil
	})
	return redis.Addr(), nil
}

// startArgoCD starts Argo CD's servers, and waits until they are ready.
func startArgoCD(ctx context.Context, run *run, cluster *Cluster, options Options) (*ArgoCD, error) {
	a := &ArgoCD{run: run, cluster: cluster, Plugins: filepath.Join(run.Dir, "plugins"), resync: cmp.Or(options.Resync, 10*time.Second)}
	var err error
	if a.redis, err = startRedis(run); err != nil {
		return nil, err
	}
	a.env = append([]string{
		"ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false", "ARGOCD_PLUGINSOCKFILEPATH=" + a.Plugins,
		"ARGOCD_TLS_DATA_PATH=" + filepath.Join(run.Dir, "tls"), "ARGOCD_SSH_DATA_PATH=" + filepath.Join(run.Dir, "ssh"),
		"GIT_CONFIG_NOSYSTEM=1",
		// Without the cluster cache's half-minute retry, a new CustomResourceDefinition is watched as soon as it is there.
		"ARGOCD_CLUSTER_CACHE_RESYNC_DURATION=12h",
	}, options.ArgoCDEnv...)
	for _, dir := range []string{a.Plugins, filepath.Join(run.Dir, "tls"), filepath.Join(run.Dir, "ssh")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	port, err := run.ports.Take()
	if err != nil {
		return nil, err
	}
	a.repoServer = fmt.Sprintf("127.0.0.1:%d", port)
	for _, start := range []func(context.Context) error{a.StartRepoServer, a.StartController, a.StartApplicationSets, a.StartNotifications} {
		if err := start(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// StartRepoServer starts repo-server, as in production with only the folders of manifest-generate-paths sent to plugins.
func (a *ArgoCD) StartRepoServer(ctx context.Context) error {
	_, port, err := net.SplitHostPort(a.repoServer)
	if err != nil {
		return err
	}
	a.RepoServer, err = a.start(ctx, "argocd-repo-server", "argocd-repo-server", func(metrics int) []string {
		return []string{
			"--redis=" + a.redis, "--disable-tls", "--address=127.0.0.1", "--port=" + port, "--metrics-address=127.0.0.1",
			fmt.Sprintf("--metrics-port=%d", metrics), "--plugin-use-manifest-generate-paths", "--plugin-tar-exclude=.git",
			"--revision-cache-expiration=1s",
		}
	}, "/healthz")
	return err
}

// StartController starts the application controller. It looks for new commits every few seconds, unless the options say otherwise;
// in production a webhook tells it.
func (a *ArgoCD) StartController(ctx context.Context) (err error) {
	a.Controller, err = a.start(ctx, "argocd-application-controller", "argocd-application-controller", func(metrics int) []string {
		return []string{
			"--redis=" + a.redis, "--repo-server=" + a.repoServer, "--repo-server-plaintext", fmt.Sprintf("--metrics-port=%d", metrics),
			fmt.Sprintf("--app-resync=%d", int(a.resync.Seconds())), "--app-resync-jitter=0", "--status-processors=20", "--operation-processors=10",
		}
	}, "/healthz")
	return err
}

// StartApplicationSets starts the ApplicationSet controller, with progressive syncs.
func (a *ArgoCD) StartApplicationSets(ctx context.Context) error {
	webhook, probe, err := a.run.twoPorts()
	if err != nil {
		return err
	}
	a.ApplicationSets, err = a.start(ctx, "argocd-applicationset-controller", "argocd-applicationset-controller", func(metrics int) []string {
		return []string{
			"--argocd-repo-server=" + a.repoServer, "--repo-server-plaintext", fmt.Sprintf("--metrics-addr=127.0.0.1:%d", metrics),
			fmt.Sprintf("--probe-addr=127.0.0.1:%d", probe), fmt.Sprintf("--webhook-addr=127.0.0.1:%d", webhook),
			"--enable-progressive-syncs", "--loglevel=info",
		}
	}, "/metrics")
	return err
}

// StartNotifications starts the notifications controller.
func (a *ArgoCD) StartNotifications(ctx context.Context) (err error) {
	a.Notifications, err = a.start(ctx, "argocd-notifications", "argocd-notifications-controller", func(metrics int) []string {
		return []string{
			"--argocd-repo-server=" + a.repoServer, "--argocd-repo-server-plaintext", fmt.Sprintf("--metrics-port=%d", metrics), "--namespace=" + Namespace,
		}
	}, "/metrics")
	return err
}

// start starts one of Argo CD's servers as its service account, and waits until it answers on its port for metrics.
func (a *ArgoCD) start(ctx context.Context, program, account string, args func(metrics int) []string, ready string) (*process.Process, error) {
	metrics, err := a.run.ports.Take()
	if err != nil {
		return nil, err
	}
	kubeconfig, err := a.cluster.KubeconfigFor(ServiceAccount(account))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(a.run.Dir, program)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := a.run.start(process.Spec{
		Name: program, Path: a.run.programs["argocd"], Args: args(metrics), Dir: dir,
		Env: append(slices.Clone(a.env), "ARGOCD_BINARY_NAME="+program, "KUBECONFIG="+kubeconfig, "TMPDIR="+dir,
			"PATH="+filepath.Dir(a.run.programs["kustomize"])+string(os.PathListSeparator)+os.Getenv("PATH"), "HOSTNAME="+program+"-0"),
	})
	if err != nil {
		return nil, err
	}
	return p, a.run.until(ctx, program+" is ready", func(ctx context.Context) error {
		return get(ctx, http.DefaultClient, local("http", metrics)+ready)
	})
}

// Restart ends a server and starts it anew.
func (a *ArgoCD) Restart(ctx context.Context, server *process.Process, start func(context.Context) error) error {
	server.Stop(ctx, stopGrace)
	return start(ctx)
}

// ClusterSecret is what Argo CD knows of a cluster.
func (c *Cluster) ClusterSecret(name string, labels map[string]string, inCluster bool) (*unstructured.Unstructured, error) {
	server, config := "https://kubernetes.default.svc", "{}"
	if !inCluster {
		var err error
		if config, err = c.access(); err != nil {
			return nil, err
		}
		server = c.Server
	}
	secret := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "cluster-" + name},
		"stringData": map[string]any{"name": name, "server": server, "config": config},
	}}
	all := map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
	for key, value := range labels {
		all[key] = value
	}
	secret.SetLabels(all)
	return secret, nil
}

// access is how Argo CD reaches a cluster, as its Secret says it. One that was never started has no certificate to trust.
func (c *Cluster) access() (string, error) {
	authority, err := os.ReadFile(c.file("apiserver.crt"))
	if err != nil && c.apiServer != nil {
		return "", err
	}
	config, err := json.Marshal(map[string]any{
		"bearerToken": c.tokens[Deployer], "tlsClientConfig": map[string]any{"caData": authority},
	})
	return string(config), err
}
