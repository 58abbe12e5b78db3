package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Options say what a control plane is started with. The zero value is the ordinary one.
type Options struct {
	// Progress is told what takes long; nil is silent.
	Progress io.Writer
	// Plugin is how the sidecar is run; empty is Native.
	Plugin PluginMode
	// ArgoCDEnv is given to Argo CD's servers.
	ArgoCDEnv []string
	// StagingOnly leaves production out: Argo CD knows of that cluster, and nobody answers there.
	StagingOnly bool
	// HideSecrets has Argo CD do without the right to read the Secrets of production, or to write them. By default it may, as
	// Argo CD wants to.
	HideSecrets bool
	// GeneratorArgs are added to the generator's command line.
	GeneratorArgs []string
	// Operators are API groups of simulate.CRDs: their kinds are in every cluster before Argo CD is, which stands still while it
	// reads the API of a cluster anew for each definition that comes later.
	Operators []string
	// OperatorDelay is how long simulated operators, provisioners and load balancers take for one step; zero is as long as
	// a pod takes to start. A longer one tells what waits for them from what does not.
	OperatorDelay time.Duration
	// Resync is how often Argo CD compares every Application with Git without being asked; zero is every ten seconds.
	Resync time.Duration
}

// Stack is a control plane: everything that Tidegate works with, on the example repository.
type Stack struct {
	// Dir holds everything that it writes, logs below logs.
	Dir string
	// Staging is the cluster that Argo CD runs in; Production is another one.
	Staging, Production *Cluster
	ArgoCD              *ArgoCD
	Tidegate            *Tidegate
	// Repository is the config repository, with the example in it.
	Repository *Repository
	// Slack has what Argo CD's notifications controller has sent.
	Slack *Slack

	run      *run
	options  Options
	slackURL string
}

// New starts a control plane. Stop it, whatever it returns: unless it is nil.
func New(ctx context.Context, options Options) (*Stack, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	if options.Plugin == "" {
		options.Plugin = Native
	}
	run, err := newRun(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	s := &Stack{Dir: run.Dir, run: run, options: options}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"Kubernetes", s.startClusters},
		{"the Git repository", s.createRepository},
		{"Argo CD's resources", s.installArgoCD},
		{"Argo CD", s.startArgoCD},
		{"Tidegate", s.startTidegate},
	} {
		fmt.Fprintf(options.Progress, "starting %s\n", step.what)
		if err := step.do(ctx); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Stop ends all servers, and tells which of them had ended before. It is safe to call after a failed start. Files stay; Remove
// removes them.
func (s *Stack) Stop(ctx context.Context) error {
	failed := s.run.failed()
	return errors.Join(failed, s.run.stop(ctx), s.races())
}

// Remove removes all files.
func (s *Stack) Remove() error { return os.RemoveAll(s.Dir) }

// Program is the path of one of the servers' programs, as package servers calls it.
func (s *Stack) Program(name string) string { return s.run.programs[name] }

// Part begins a part of a test: Logs are of what comes from now on. Its end goes back to the part around it.
func (s *Stack) Part() (end func()) { return s.run.part() }

// Logs are the parts of the servers' logs that may tell why something does not work.
func (s *Stack) Logs() string { return s.run.excerpts() }

// races are what the race detector saw in our servers.
func (s *Stack) races() error {
	var all []error
	for _, name := range []string{"tidegate-generator", "tidegate-plugin"} {
		log := filepath.Join(s.Dir, "logs", name+".log")
		content, err := os.ReadFile(log)
		if err == nil && bytes.Contains(content, []byte("DATA RACE")) {
			all = append(all, fmt.Errorf("%s: data race", log))
		}
	}
	return errors.Join(all...)
}

func (s *Stack) startClusters(ctx context.Context) error {
	var group errgroup.Group
	for name, cluster := range map[string]**Cluster{"staging": &s.Staging, "production": &s.Production} {
		made, err := newCluster(s.run, name, s.options)
		if err != nil {
			return err
		}
		*cluster = made
		if name == "staging" || !s.options.StagingOnly {
			group.Go(func() error { return made.start(ctx) })
		}
	}
	if err := group.Wait(); err != nil || s.options.StagingOnly {
		return err
	}
	return grantDeployer(ctx, s.Production, s.options.HideSecrets)
}

// createRepository pushes the example, with the addresses of this machine, and without what the clusters would have to
// fetch from the internet.
func (s *Stack) createRepository(context.Context) error {
	root, err := Root()
	if err != nil {
		return err
	}
	if s.Repository, err = newRepository(s.Dir, "gitops-platform"); err != nil {
		return err
	}
	r := s.Repository
	if err := r.Copy(filepath.Join(root, "examples", "gitops-platform")); err != nil {
		return err
	}
	for _, cluster := range []string{"staging", "production"} {
		for _, name := range []string{"external-secrets", "metrics-server"} {
			if err := r.Remove("clusters/" + cluster + "/argocd-apps/" + name + ".yaml"); err != nil {
				return err
			}
		}
	}
	for example, here := range map[string]string{
		"https://github.com/myorg/gitops-platform": r.URL, "https://prod-cluster-api.internal:6443": s.Production.Server,
	} {
		if err := r.Replace(example, here); err != nil {
			return err
		}
	}
	_, err = r.Push("The example")
	return err
}

func (s *Stack) installArgoCD(ctx context.Context) error {
	if err := installArgoCD(ctx, s.Staging); err != nil {
		return err
	}
	settings := ""
	if s.options.HideSecrets {
		settings = hideSecrets(s.Production)
	}
	if err := configureArgoCD(ctx, s.Staging, settings); err != nil {
		return err
	}
	return s.configureNotifications(ctx)
}

func (s *Stack) startArgoCD(ctx context.Context) (err error) {
	if err := s.RegisterClusters(ctx); err != nil {
		return err
	}
	s.ArgoCD, err = startArgoCD(ctx, s.run, s.Staging, s.options)
	return err
}

// RegisterClusters makes the cluster Secrets of both clusters, with the labels of the example.
func (s *Stack) RegisterClusters(ctx context.Context) error {
	staging, err := s.Staging.ClusterSecret("staging", map[string]string{"tier": "nonproduction", "region": "eu-west-1"}, true)
	if err != nil {
		return err
	}
	production, err := s.Production.ClusterSecret("production",
		map[string]string{"tier": "production", "region": "eu-west-1", "rollout": "canary"}, false)
	if err != nil {
		return err
	}
	return s.Staging.Apply(ctx, staging, production)
}

func (s *Stack) startTidegate(ctx context.Context) error {
	var err error
	if s.Tidegate, err = newTidegate(s); err != nil {
		return err
	}
	if err := s.Tidegate.install(ctx, s.Staging); err != nil {
		return err
	}
	if err := s.Tidegate.StartPlugin(ctx, s.options.Plugin); err != nil {
		return err
	}
	return s.Tidegate.StartGenerator(ctx)
}

// generatorArgs have the generator read everything from the cluster, with no more rights than it is shipped with.
func (s *Stack) generatorArgs() ([]string, error) {
	kubeconfig, err := s.Staging.KubeconfigFor(ServiceAccount("tidegate-generator"))
	if err != nil {
		return nil, err
	}
	return append([]string{
		"--kubeconfig=" + kubeconfig, "--repo-url=" + s.Repository.URL, "--revision=main", "--mirror-dir=" + s.mirror(),
		// In production a webhook tells it.
		"--fetch-interval=2s",
		// One clock, and Applications that live for a minute.
		"--removal-confirmation=0s",
	}, s.options.GeneratorArgs...), nil
}

// mirror is the folder of the generator's mirror.
func (s *Stack) mirror() string { return filepath.Join(s.Dir, "mirror") }

// Object is a manifest to be applied.
type Object = unstructured.Unstructured

// Until waits until a condition holds, or a server has ended that nobody stopped.
func (s *Stack) Until(ctx context.Context, what string, condition func(context.Context) error) error {
	return Until(ctx, what, func(ctx context.Context) error {
		if err := s.run.failed(); err != nil {
			return Never(err)
		}
		return condition(ctx)
	})
}

// InstallExample installs what the platform's repository brings, the way a platform team does: by one Application, from which
// all others follow.
func (s *Stack) InstallExample(ctx context.Context) error {
	if s.options.StagingOnly || len(s.options.Operators) == 0 {
		return errors.New("the example needs a cluster for production, and the kinds of operators")
	}
	return s.Staging.ApplyFile(ctx, "manifests/root.yaml", "https://github.com/myorg/gitops-platform", s.Repository.URL)
}

// Wait waits until the context ends, or a server ends that nobody stopped.
func (s *Stack) Wait(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := s.run.failed(); err != nil {
				return err
			}
		}
	}
}

// Kubectl is the path of a kubectl of the clusters' version.
func (s *Stack) Kubectl() string { return s.run.programs["kubectl"] }
