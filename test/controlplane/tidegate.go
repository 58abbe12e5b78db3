package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tidegate/tidegate/test/controlplane/process"
)

// PluginMode is how the plugin's sidecar is run.
type PluginMode string

// The ways to run a sidecar.
const (
	// Native is Tidegate's own server of Argo CD's protocol.
	Native PluginMode = "native"
	// Exec is Argo CD's server, which runs Tidegate for each request.
	Exec PluginMode = "exec"
	// Stock is Argo CD's server with kustomize build, for comparison.
	Stock PluginMode = "stock"
)

// Root is the folder of the repository that this file belongs to.
func Root() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if _, err := os.Stat(filepath.Join(root, "plugin.yaml")); err != nil {
		return "", fmt.Errorf("the repository is not where it was built: %w", err)
	}
	return root, nil
}

// Tidegate is Tidegate's servers.
type Tidegate struct {
	Generator, Plugin *process.Process
	// GeneratorURL is where the generator answers, PluginHTTP where the plugin's health and metrics are.
	GeneratorURL, PluginHTTP string

	run      *run
	stack    *Stack
	dir      string
	programs *programs
	token    string
	port     int
}

// generatorToken is what Argo CD and the generator share. It protects nothing: both listen on the loopback interface.
const generatorToken = "a token of nobody's"

func newTidegate(stack *Stack) (*Tidegate, error) {
	programs, err := binaries()
	if err != nil {
		return nil, err
	}
	t := &Tidegate{run: stack.run, stack: stack, dir: filepath.Join(stack.Dir, "tidegate"), programs: programs}
	if err := os.MkdirAll(filepath.Join(t.dir, "config"), 0o755); err != nil {
		return nil, err
	}
	t.token = filepath.Join(t.dir, "token")
	if err := os.WriteFile(t.token, []byte(generatorToken), 0o600); err != nil {
		return nil, err
	}
	if t.port, err = stack.run.ports.Take(); err != nil {
		return nil, err
	}
	t.GeneratorURL = local("http", t.port)
	return t, nil
}

// Binary is the path of one of Tidegate's programs, for people.
func (t *Tidegate) Binary(name string) string { return filepath.Join(t.programs.plain, name) }

// Server is the path of one of Tidegate's programs, as the control plane runs it.
func (t *Tidegate) Server(name string) string { return filepath.Join(t.programs.servers, name) }

// TokenFile is the file of the generator's token.
func (t *Tidegate) TokenFile() string { return t.token }

// StartPlugin starts the sidecar of repo-server.
func (t *Tidegate) StartPlugin(ctx context.Context, mode PluginMode) error {
	manifest, err := pluginManifest(mode)
	if err != nil {
		return err
	}
	config := filepath.Join(t.dir, "config")
	if err := os.WriteFile(filepath.Join(config, "plugin.yaml"), []byte(manifest), 0o644); err != nil {
		return err
	}
	spec := process.Spec{
		Name: "tidegate-plugin", Path: t.run.programs["argocd"], Dir: t.dir, Args: []string{"--config-dir-path=" + config},
		Env: []string{
			"ARGOCD_BINARY_NAME=argocd-cmp-server", "ARGOCD_PLUGINSOCKFILEPATH=" + t.stack.ArgoCD.Plugins, "TMPDIR=" + t.dir,
			"PATH=" + strings.Join([]string{t.programs.servers, filepath.Dir(t.run.programs["kustomize"]), os.Getenv("PATH")}, string(os.PathListSeparator)),
		},
	}
	if mode == Native {
		port, err := t.run.ports.Take()
		if err != nil {
			return err
		}
		t.PluginHTTP = local("http", port)
		spec.Path = t.Server("tidegate-plugin")
		spec.Args = append([]string{"serve", fmt.Sprintf("--http-address=127.0.0.1:%d", port)}, spec.Args...)
	}
	if t.Plugin, err = t.run.start(spec); err != nil {
		return err
	}
	return t.run.until(ctx, "the plugin answers", func(ctx context.Context) error { return pluginAnswers(ctx, t.socket()) })
}

// socket is where repo-server finds the plugin.
func (t *Tidegate) socket() string { return filepath.Join(t.stack.ArgoCD.Plugins, "tidegate.sock") }

// PluginProgram is the path of the program that repo-server talks to. Only Linux tells: elsewhere the error is
// errors.ErrUnsupported.
func (t *Tidegate) PluginProgram() (string, error) { return listener(t.socket()) }

// pluginManifest is the shipped plugin.yaml, or one of the same name that runs kustomize.
func pluginManifest(mode PluginMode) (string, error) {
	if mode == Stock {
		return "apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: tidegate}\n" +
			"spec: {generate: {command: [kustomize, build]}}\n", nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(filepath.Join(root, "plugin.yaml"))
	return string(content), err
}

// RestartPlugin ends the sidecar and starts it in a mode.
func (t *Tidegate) RestartPlugin(ctx context.Context, mode PluginMode) error {
	t.Plugin.Stop(ctx, stopGrace)
	return t.StartPlugin(ctx, mode)
}

// launchGenerator starts the generator, and does not wait for it.
func (t *Tidegate) launchGenerator() error {
	args := []string{
		"generator", fmt.Sprintf("--listen=127.0.0.1:%d", t.port), "--token-file=" + t.token, "--log-level=debug", "--drain=0s",
	}
	more, err := t.stack.generatorArgs()
	if err != nil {
		return err
	}
	t.Generator, err = t.run.start(process.Spec{
		Name: "tidegate-generator", Path: t.Server("tidegate"), Dir: t.dir, Args: append(args, more...),
	})
	return err
}

// StartGenerator starts the generator, and waits until it is ready.
func (t *Tidegate) StartGenerator(ctx context.Context) error {
	if err := t.launchGenerator(); err != nil {
		return err
	}
	return t.run.until(ctx, "the generator is ready", func(ctx context.Context) error {
		return get(ctx, http.DefaultClient, t.GeneratorURL+"/readyz")
	})
}

// Doubts is nil when the generator's readiness tells of a doubt that contains a text.
func (t *Tidegate) Doubts(ctx context.Context, text string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.GeneratorURL+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if !strings.Contains(string(body), text) {
		return fmt.Errorf("it says %s", body)
	}
	return nil
}

// install tells Argo CD where the generator is.
func (t *Tidegate) install(ctx context.Context, cluster *Cluster) error {
	token := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]any{"name": "tidegate-generator", "labels": map[string]any{"app.kubernetes.io/part-of": "argocd"}},
		"stringData": map[string]any{"token": generatorToken},
	}}
	if err := cluster.Apply(ctx, token); err != nil {
		return err
	}
	if err := cluster.ApplyFile(ctx, "manifests/generator-rbac.yaml"); err != nil {
		return err
	}
	return cluster.ApplyFile(ctx, "manifests/generator-config.yaml", "http://tidegate-generator.argocd.svc", t.GeneratorURL)
}
