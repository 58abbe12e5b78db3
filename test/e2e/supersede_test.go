//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-cd/v2/pkg/client/informers/externalversions"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/supersede"
	"github.com/tidegate/tidegate/test/controlplane"
)

// A user waits ten minutes for a repair, or for ever, if this fails: Argo CD starts no operation while one waits for a
// Deployment that never becomes healthy, and with manifest-generate-paths not even afterwards. A rollout that is slow and
// healthy, for which there is nothing newer, is not to be disturbed, and neither is what a human has started.
func TestARepairIsNotHeldUp(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{})
	for _, name := range []string{"blocked", "rolling", "slow", "manual"} {
		s.must(s.Repository.Write("supersede/"+name+"/all.yaml", manifests("good", 0)))
	}
	first := s.committed("Four services")
	s.must(s.Staging.Apply(t.Context(), s.manifests(fmt.Sprintf(supersedeApplications, s.Repository.URL))...))
	s.sync("manual", first)
	for _, name := range []string{"blocked", "rolling", "slow", "manual"} {
		s.untilOperation(name, first, common.OperationSucceeded, "")
	}
	released := s.releases()

	s.must(s.Repository.Write("supersede/slow/all.yaml", manifests("next", 75)))
	for _, name := range []string{"blocked", "rolling", "manual"} {
		s.must(s.Repository.Write("supersede/"+name+"/all.yaml", manifests("broken", 0)))
	}
	broken := s.committed("A slow rollout, and three that break")
	s.untilCompared("manual", broken)
	s.sync("manual", broken)
	for _, name := range []string{"blocked", "rolling", "slow", "manual"} {
		s.untilOperation(name, broken, common.OperationRunning, "waiting for healthy state of apps/Deployment/web")
	}

	since := time.Now()
	for _, name := range []string{"blocked", "rolling", "manual"} {
		s.must(s.Repository.Write("supersede/"+name+"/all.yaml", manifests("repaired", 0)))
	}
	repair := s.committed("The repair, which does not concern the slow one")
	for _, name := range []string{"blocked", "rolling"} {
		s.until("the repair of "+name+" is applied", func(ctx context.Context) error { return s.runsRepaired(ctx, name) })
		t.Logf("%s: from the repairing commit to its apply: %s", name, time.Since(since).Round(time.Second))
	}
	s.untilOperation("rolling", repair, common.OperationSucceeded, "")
	s.untilOperation("blocked", repair, common.OperationSucceeded, "")
	s.untilOperation("slow", broken, common.OperationSucceeded, "")

	s.until("the Events tell", func(ctx context.Context) error {
		events := &corev1.EventList{}
		if err := s.Staging.List(ctx, events, client.InNamespace(controlplane.Namespace)); err != nil {
			return err
		}
		told := map[string]string{}
		for _, event := range events.Items {
			if event.Reason == supersede.EventStarted && event.InvolvedObject.Name == "supersede-rolling" {
				return controlplane.Never(fmt.Errorf("the RollingSync's next operation is not ours to start: %s", event.Message))
			}
			told[event.Reason+" "+event.InvolvedObject.Name] = event.Message
			if event.InvolvedObject.Name == "supersede-slow" && event.Source.Component == "tidegate" {
				return controlplane.Never(fmt.Errorf("the slow rollout: %s", event.Message))
			}
		}
		for _, about := range []string{"Superseded supersede-blocked", "SupersedingSyncStarted supersede-blocked", "Superseded supersede-rolling", "NewerRevisionWaits supersede-manual"} {
			if message := told[about]; !strings.Contains(message, broken) || !strings.Contains(message, repair) {
				return fmt.Errorf("%s: %q", about, message)
			}
		}
		return nil
	})
	s.untilOperation("manual", broken, common.OperationRunning, "waiting for healthy state of apps/Deployment/web")
	s.must(released())
}

func (s *suite) runsRepaired(ctx context.Context, name string) error {
	deployment := &appsv1.Deployment{}
	if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: "supersede-" + name, Name: "web"}, deployment); err != nil {
		return err
	}
	if image := deployment.Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":repaired") {
		return fmt.Errorf("the Deployment runs %s", image)
	}
	return nil
}

// releases runs a Releaser as the leader of the generator does. What it returns ends it.
func (s *suite) releases() (stop func() error) {
	clientset, err := versioned.NewForConfig(s.Staging.Config)
	s.must(err)
	kube, err := kubernetes.NewForConfig(s.Staging.Config)
	s.must(err)
	ctx, cancel := context.WithCancel(s.Context())
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: kube.CoreV1().Events(controlplane.Namespace)})
	releaser := supersede.New(supersede.Options{
		Policy: supersede.Policy{Grace: supersede.DefaultGrace}, Client: clientset, Repository: gitClone{s.Repository},
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
		DeleteFunc: func(object any) {
			if app, ok := object.(*v1alpha1.Application); ok {
				releaser.Gone(app.Namespace, app.Name)
			}
		},
	})
	s.must(err)
	factory.Start(ctx.Done())
	ended := make(chan error, 1)
	go func() { ended <- releaser.Run(ctx) }()
	return func() error {
		cancel()
		err := <-ended
		factory.Shutdown()
		broadcaster.Shutdown()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
}

// gitClone stands for the generator's mirror.
type gitClone struct{ *controlplane.Repository }

func (g gitClone) Newest(repoURL, targetRevision string) string {
	revision, err := g.Git("--git-dir="+g.Bare, "rev-parse", targetRevision)
	if err != nil || repoURL != g.URL {
		return ""
	}
	return revision
}

func (g gitClone) Differs(_ context.Context, from, to string, folders []string) (bool, error) {
	_, err := g.Git(append([]string{"diff", "--quiet", from, to, "--"}, folders...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return true, nil
	}
	return false, err
}

func (s *suite) committed(message string) string {
	s.Helper()
	revision, err := s.Repository.Push(message)
	s.must(err)
	return revision
}

func (s *suite) manifests(content string) []*controlplane.Object {
	s.Helper()
	objects, err := controlplane.Objects([]byte(content))
	s.must(err)
	return objects
}

// sync asks for an operation as a human does.
func (s *suite) sync(name, revision string) {
	s.Helper()
	s.until("Application supersede-"+name+" can be synced", func(ctx context.Context) error {
		app := &v1alpha1.Application{}
		if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: "supersede-" + name}, app); err != nil {
			return err
		}
		app.Operation = &v1alpha1.Operation{
			Sync:        &v1alpha1.SyncOperation{Revision: revision, SyncOptions: app.Spec.SyncPolicy.SyncOptions},
			InitiatedBy: v1alpha1.OperationInitiator{Username: "admin"},
		}
		app.Status.OperationState = nil
		return s.Staging.Update(ctx, app)
	})
}

func (s *suite) untilCompared(name, revision string) {
	s.Helper()
	s.until("Application supersede-"+name+" is compared", func(ctx context.Context) error {
		app := &v1alpha1.Application{}
		if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: "supersede-" + name}, app); err != nil {
			return err
		}
		if app.Status.Sync.Revision != revision {
			return fmt.Errorf("it is compared with %s", app.Status.Sync.Revision)
		}
		return nil
	})
}

func (s *suite) untilOperation(name, revision string, phase common.OperationPhase, message string) {
	s.Helper()
	s.until(fmt.Sprintf("the operation of supersede-%s to %s is %s", name, revision, phase), func(ctx context.Context) error {
		app := &v1alpha1.Application{}
		if err := s.Staging.Get(ctx, types.NamespacedName{Namespace: controlplane.Namespace, Name: "supersede-" + name}, app); err != nil {
			return err
		}
		state := app.Status.OperationState
		if state == nil || state.SyncResult == nil {
			return errors.New("it has none")
		}
		if state.SyncResult.Revision != revision || state.Phase != phase || !strings.HasPrefix(state.Message, message) {
			return fmt.Errorf("it is %s with %s: %s", state.Phase, state.SyncResult.Revision, state.Message)
		}
		return nil
	})
}

// manifests are a Deployment that a sync waits for, and something after it. Where pods must be ready for some seconds,
// the rollout is slow and healthy.
func manifests(tag string, seconds int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  minReadySeconds: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example.com/web:%s"}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: last, annotations: {argocd.argoproj.io/sync-wave: "10"}}
data: {tag: %q}
`, seconds, tag, tag)
}

const supersedeApplications = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: supersede}
spec:
  sourceRepos: ["*"]
  destinations: [{server: "*", namespace: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: supersede}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
    - list: {elements: [{name: blocked, automated: true}, {name: slow, automated: true}, {name: manual, automated: false}]}
  template:
    metadata:
      name: supersede-{{ .name }}
      annotations: {argocd.argoproj.io/manifest-generate-paths: "/supersede/{{ .name }}"}
    spec:
      project: supersede
      source: {repoURL: %[1]q, targetRevision: main, path: "supersede/{{ .name }}"}
      destination: {server: "https://kubernetes.default.svc", namespace: "supersede-{{ .name }}"}
      syncPolicy: {syncOptions: [CreateNamespace=true]}
  templatePatch: |
    {{- if .automated }}
    spec: {syncPolicy: {automated: {prune: true}}}
    {{- end }}
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: supersede-rolling}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
    - list: {elements: [{name: rolling}]}
  strategy:
    type: RollingSync
    rollingSync: {steps: [{matchExpressions: [{key: step, operator: In, values: [first]}]}]}
  template:
    metadata:
      name: supersede-{{ .name }}
      labels: {step: first}
      annotations: {argocd.argoproj.io/manifest-generate-paths: "/supersede/{{ .name }}"}
    spec:
      project: supersede
      source: {repoURL: %[1]q, targetRevision: main, path: "supersede/{{ .name }}"}
      destination: {server: "https://kubernetes.default.svc", namespace: "supersede-{{ .name }}"}
      syncPolicy: {syncOptions: [CreateNamespace=true]}
`
