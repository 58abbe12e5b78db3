//go:build e2e

package e2e

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-cd/v2/pkg/client/informers/externalversions"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

// leads runs a Releaser for all Applications, as the leader of a generator does for those of its ApplicationSets, until
// the test ends.
func (s *suite) leads(policy supersede.Policy) {
	s.Helper()
	clientset, err := versioned.NewForConfig(s.Staging.Config)
	s.must(err)
	kube, err := kubernetes.NewForConfig(s.Staging.Config)
	s.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: kube.CoreV1().Events(controlplane.Namespace)})
	releaser := supersede.New(supersede.Options{
		Policy: policy, Client: clientset, Repository: followed{s.Repository},
		Projects: supersede.LiveProjects{
			Projects: clientset.ArgoprojV1alpha1().AppProjects(controlplane.Namespace),
			Settings: kube.CoreV1().ConfigMaps(controlplane.Namespace),
		},
		Events:  broadcaster.NewRecorder(controlplane.Scheme, corev1.EventSource{Component: "tidegate"}),
		Metrics: supersede.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(s.Output(), nil)),
	})
	factory := externalversions.NewSharedInformerFactoryWithOptions(clientset, 0, externalversions.WithNamespace(controlplane.Namespace))
	_, err = factory.Argoproj().V1alpha1().Applications().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { releaser.Seen(object.(*v1alpha1.Application)) },
		UpdateFunc: func(_, object any) { releaser.Seen(object.(*v1alpha1.Application)) },
	})
	s.must(err)
	factory.Start(ctx.Done())
	ended := make(chan error, 1)
	go func() { ended <- releaser.Run(ctx) }()
	s.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			s.Error(err)
		}
		factory.Shutdown()
		broadcaster.Shutdown()
	})
}

// followed stands for the generator's mirror.
type followed struct{ *controlplane.Repository }

func (f followed) Newest(repoURL, targetRevision string) string {
	revision, err := f.Git("--git-dir="+f.Bare, "rev-parse", targetRevision)
	if err != nil || repoURL != f.URL {
		return ""
	}
	return revision
}

func (f followed) Differs(_ context.Context, from, to string, folders []string) (bool, error) {
	same, err := f.succeeds(append([]string{"diff", "--quiet", from, to, "--"}, folders...)...)
	return !same, err
}

func (f followed) Doubt() string { return "" }

func (f followed) Descends(_ context.Context, revision, of string) (bool, error) {
	return f.succeeds("merge-base", "--is-ancestor", of, revision)
}

// succeeds runs a command of Git that says no by its exit code 1.
func (f followed) succeeds(args ...string) (bool, error) {
	_, err := f.Git(args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}
