// Package controlplane starts a real control plane on this machine, without containers: two Kubernetes clusters, Argo CD
// with its controllers, Redis, a Git repository, and Tidegate's generator and plugin beside them.
//
// It is for tests and for trying things out. It never runs a pod: nodes, operators and admission webhooks are simulated
// (package simulate); everything that decides is real.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"

	"github.com/tidegate/tidegate/test/controlplane/process"
	"github.com/tidegate/tidegate/test/controlplane/servers"
)

// Scheme knows Kubernetes' own types and Argo CD's.
var Scheme = runtime.NewScheme()

func init() {
	// What client-go says while servers come and go tells a person nothing.
	klog.SetLogger(logr.Discard())
	utilruntime.Must(clientgoscheme.AddToScheme(Scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(Scheme))
	utilruntime.Must(v1alpha1.AddToScheme(Scheme))
}

// run is the servers of one control plane, and the folder of their files.
type run struct {
	// Dir holds everything that is written: data, keys, logs.
	Dir      string
	ctx      context.Context
	cancel   context.CancelFunc
	folder   *process.Folder
	programs servers.Programs
	ports    *process.Ports

	mu        sync.Mutex
	processes []*process.Process
	// closers end what runs in this process.
	closers []func() error
	logs    []logFile
	// inside are checks of what runs in this process: an error is why it has ended.
	inside []func() error
	// began is how long each log was when the part of a test began that runs now; ended, when the servers were told to end.
	began, ended map[logFile]int
}

func newRun(ctx context.Context, progress io.Writer) (*run, error) {
	programs, err := servers.Build(ctx, progress)
	if err != nil {
		return nil, err
	}
	ports, err := process.NewPorts()
	if err != nil {
		return nil, err
	}
	folder, err := process.NewFolder(os.TempDir(), "tidegate-e2e-", process.ForReading)
	if err != nil {
		return nil, errors.Join(err, ports.Close())
	}
	out := &run{Dir: folder.Path, folder: folder, programs: programs, ports: ports}
	out.ctx, out.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return out, os.Mkdir(filepath.Join(out.Dir, "logs"), 0o755)
}

// alone has a server that does little use one processor: Go's own scheduler takes the least time on one.
const alone = "GOMAXPROCS=1"

// start starts a server. Its log is named for it; one that is started again goes on in the same log.
func (r *run) start(spec process.Spec) (*process.Process, error) {
	spec.Log = r.log(spec.Name)
	p, err := process.Start(spec)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.processes = append(r.processes, p)
	return p, nil
}

// log is the path of a log, which is shown when something fails.
func (r *run) log(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := logFile{name, filepath.Join(r.Dir, "logs", name+".log")}
	if !slices.Contains(r.logs, one) {
		r.logs = append(r.logs, one)
	}
	return one.path
}

// atEnd has something that runs in this process end with the servers.
func (r *run) atEnd(closer func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closers = append(r.closers, closer)
}

// watch has failed look at something that runs in this process.
func (r *run) watch(failed func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside = append(r.inside, failed)
}

// failed is why a server has ended that nobody stopped, or a part of this process that stands for one.
func (r *run) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []error
	for _, p := range r.processes {
		all = append(all, p.Failed())
	}
	for _, failed := range r.inside {
		all = append(all, failed())
	}
	return errors.Join(all...)
}

// stop ends all servers, the last one first, and those that do not end by themselves too.
func (r *run) stop(ctx context.Context) error {
	r.mu.Lock()
	r.ended = r.lengths()
	processes, closers := slices.Clone(r.processes), slices.Clone(r.closers)
	r.mu.Unlock()
	r.cancel()
	var all sync.WaitGroup
	for _, p := range processes {
		all.Add(1)
		go func() {
			defer all.Done()
			p.Stop(ctx, stopGrace)
		}()
	}
	all.Wait()
	var failures []error
	for _, closer := range slices.Backward(closers) {
		failures = append(failures, closer())
	}
	return errors.Join(append(failures, r.ports.Close(), r.folder.Keep())...)
}

// stopGrace is how long servers may take to end. Their data is thrown away.
const stopGrace = 2 * time.Second

func (r *run) twoPorts() (first, second int, err error) {
	if first, err = r.ports.Take(); err != nil {
		return 0, 0, err
	}
	second, err = r.ports.Take()
	return first, second, err
}

// until waits until a condition holds, and fails when a server has ended.
func (r *run) until(ctx context.Context, what string, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return Until(ctx, what, func(ctx context.Context) error {
		if err := r.failed(); err != nil {
			return Never(err)
		}
		return condition(ctx)
	})
}

func local(scheme string, port int) string { return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port) }

// get is a request that must be answered with 200.
func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 2000))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return nil
}
