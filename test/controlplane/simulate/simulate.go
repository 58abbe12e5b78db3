// Package simulate is what a cluster without machines lacks: kubelets that look before they start a container, a volume
// provisioner, operators, admission webhooks that answer, and whoever hands out addresses.
//
// It watches one cluster and writes what the real ones write, and only when they would: a pod does not run before the
// Secret that it names is there, a Secret is not there before its operator has worked, an operator does not work before
// its pods are ready, and a webhook is not answered before its pods are. Scheduling, binding, rollouts, garbage
// collection and admission itself are those of the real control plane. kwok plays the containers, once it is told to.
//
// What a scenario wants otherwise it says where the thing is: in the tag of an image, or in an annotation. A look at the
// cluster therefore always tells what will happen, also to a person with kubectl.
package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// prefix of every annotation of this package.
const prefix = "simulate.tidegate.dev/"

// Options say where the cluster is, and how fast its world turns.
type Options struct {
	// Config is that of an administrator of the cluster.
	Config *rest.Config
	// EgressSocket is the path of the Unix socket through which the API server reaches Services; see EgressConfig. Without
	// it no webhook is answered.
	EgressSocket string

	// PodStart is how long a pod takes from its node to its first container. 0 is Delay.
	PodStart time.Duration
	// JobRun is how long the containers of a Job run. 0 is Delay.
	JobRun time.Duration
	// Delay is how long everybody else takes for one step. 0 is 200 ms.
	Delay time.Duration

	// Tags decide what becomes of a container by the tag of its image. Nil is DefaultTags.
	Tags Tags

	// Log is told what starts, and about errors that are tried again. Its zero value drops it.
	Log logr.Logger
}

const defaultDelay = 200 * time.Millisecond

func (o Options) withDefaults() Options {
	o.Delay = cmp.Or(o.Delay, defaultDelay)
	o.PodStart = cmp.Or(o.PodStart, o.Delay)
	o.JobRun = cmp.Or(o.JobRun, o.Delay)
	if o.Tags == nil {
		o.Tags = DefaultTags
	}
	if o.Log.IsZero() {
		o.Log = logr.Discard()
	}
	return o
}

// Simulation of one cluster.
type Simulation struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Stop ends the simulation and says what broke it before. What it wrote stays; another one can take over.
func (s *Simulation) Stop() error {
	s.cancel()
	return s.Wait()
}

// Wait returns when the simulation has ended, with what broke it; nil after Stop and after the end of Start's context.
func (s *Simulation) Wait() error {
	<-s.done
	return s.err
}

// Failed is what broke the simulation; nil while it runs, after Stop and after the end of Start's context.
func (s *Simulation) Failed() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// world is what the parts of a simulation share.
type world struct {
	Options
	// Client reads Kubernetes' own kinds from a cache, and custom ones from the API server.
	client.Client
	manager   manager.Manager
	authority *authority
	delays    *delays
}

// part is one thing that is simulated; it adds its controllers to the manager.
type part func(*world) error

// Start starts a simulation, and returns when it knows what is in the cluster. It needs the API server, and outlives its
// restarts.
func Start(ctx context.Context, options Options) (*Simulation, error) {
	quiet()
	options = options.withDefaults()
	w, err := newWorld(options)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	if err := w.install(ctx, storageObjects()); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	// The last one takes the socket, which nothing gives back before the simulation runs.
	parts := []part{addPods, addStorage, addOperators, addInjection, addAddresses, addEgress}
	for _, add := range parts {
		if err := add(w); err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
	}
	return w.start(ctx)
}

// install creates what is not there yet.
func (w *world) install(ctx context.Context, objects []client.Object) error {
	for _, obj := range objects {
		if err := w.Create(ctx, obj); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("%T %s: %w", obj, obj.GetName(), err)
		}
	}
	return nil
}

func newWorld(options Options) (*world, error) {
	restConfig := rest.CopyConfig(options.Config)
	restConfig.QPS = -1 // no limit: the delays are those of Options
	restConfig.UserAgent = "tidegate-simulate"
	// Names of controllers only tell apart metrics, which nobody reads.
	same := true
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme: scheme, Logger: options.Log, Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &same},
	})
	if err != nil {
		return nil, err
	}
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	return &world{Options: options, Client: mgr.GetClient(), manager: mgr, authority: authority, delays: newDelays(time.Now)}, nil
}

var scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
}

// quiet keeps controller-runtime from complaining that nobody told it where to log: every manager here is told.
var quiet = sync.OnceFunc(func() { log.SetLogger(logr.Discard()) })

func (w *world) start(ctx context.Context) (*Simulation, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Simulation{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = w.manager.Start(ctx)
	}()
	select {
	case <-w.manager.Elected():
	case <-s.done:
		return nil, fmt.Errorf("simulate: %w", errors.Join(errors.New("ended before it began"), s.Stop()))
	}
	if !w.manager.GetCache().WaitForCacheSync(ctx) {
		return nil, errors.Join(errors.New("simulate: the cluster's objects cannot be read"), s.Stop())
	}
	return s, nil
}

// only watches objects for which keep holds.
func only(keep func(client.Object) bool) predicate.Predicate {
	return predicate.NewPredicateFuncs(keep)
}

// annotated tells whether the annotation of an object lists a word, with commas between words.
func annotated(obj client.Object, annotation, word string) bool {
	for _, listed := range strings.Split(obj.GetAnnotations()[annotation], ",") {
		if strings.TrimSpace(listed) == word {
			return true
		}
	}
	return false
}
