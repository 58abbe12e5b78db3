package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	argotemplate "github.com/argoproj/argo-cd/v2/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v2/applicationset/generators"
	"github.com/argoproj/argo-cd/v2/applicationset/status"
	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	logrus "github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/mirror"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin/render"
)

// start is how long what comes before the first answers took.
type start struct{ fetched, read, watched, answered, all, cpu time.Duration }

// startToReady starts what a generator starts beside Argo CD, until every ApplicationSet has been answered.
func (w *world) startToReady(ctx context.Context) (took start, err error) {
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	remote := filepath.Join(dir, "remote")
	if err := w.commit(remote); err != nil {
		return took, err
	}
	api, err := newAPIServer(w)
	if err != nil {
		return took, err
	}
	server := httptest.NewServer(api)
	defer server.Close()

	began := time.Now()
	used, err := computed()
	if err != nil {
		return took, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	config := &restclient.Config{Host: server.URL, QPS: -1}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return took, err
	}
	argo, err := versioned.NewForConfig(config)
	if err != nil {
		return took, err
	}
	source, err := mirror.Open(mirror.Options{URL: "file://" + remote, Branch: branch, Dir: filepath.Join(dir, "mirror")})
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	clusters := fleet.Watch(fleet.WatchOptions{Client: kube, Namespace: "argocd"})
	has := live.New(live.Options{Client: argo, Namespace: "argocd"})
	changed := make(chan struct{}, 1)
	clusters.Notify(changed)
	has.Notify(changed)
	repository := catalog.New(source, render.New())
	running.Go(func() { clusters.Run(ctx) })
	running.Go(func() { has.Run(ctx) })
	if err := source.Update(ctx); err != nil {
		return took, err
	}
	took.fetched = time.Since(began)
	if _, err := repository.Read(ctx); err != nil {
		return took, err
	}
	took.read = time.Since(began)
	for !clusters.State().Synced || !has.State().Synced {
		select {
		case <-changed:
		case <-ctx.Done():
			return took, ctx.Err()
		}
	}
	took.watched = time.Since(began)
	g := guard.New(guard.Options{Repository: repository, Fleet: clusters, Live: has, Policy: admission.DefaultPolicy()})
	if err := w.answer(ctx, g); err != nil {
		return took, err
	}
	took.all = time.Since(began)
	took.answered = took.all - max(took.read, took.watched)
	if took.cpu, err = computed(); err != nil {
		return took, err
	}
	took.cpu -= used
	return took, nil
}

// answer answers every ApplicationSet once.
func (w *world) answer(ctx context.Context, g *guard.Guard) error {
	for i, name := range w.names {
		answer, err := g.Answer(ctx, generator.Request{ApplicationSet: name, Input: w.inputs[i]})
		if err != nil {
			return err
		}
		if answer.Size() != len(w.sets[i]) {
			return errors.New(name + ": the answer has not what is live")
		}
	}
	return nil
}

// known is a world as informers and a mirror have it.
type known struct {
	*world
	apps map[string][]live.Application
	set  live.ApplicationSet
}

func (k *known) Read(context.Context) (*catalog.View, error)       { return k.view, nil }
func (k *known) Clusters(context.Context) ([]fleet.Cluster, error) { return k.clusters, nil }
func (k *known) Seen(set string) ([]live.Application, bool)        { return k.apps[set], true }
func (k *known) Complete(context.Context) (bool, error)            { return true, nil }
func (k *known) Applications(context.Context) (*live.Listing, error) {
	return live.NewListing(k.apps, nil), nil
}
func (k *known) Taken(string) map[string]string                                     { return nil }
func (k *known) Projects() map[string]bool                                          { return nil }
func (k *known) Annotate(context.Context, string, string, map[string]*string) error { return nil }

func (k *known) ApplicationSet(_ context.Context, name string) (*live.ApplicationSet, error) {
	if !slices.Contains(k.names, name) {
		return nil, nil
	}
	set := k.set
	set.Name, set.UID = name, name
	return &set, nil
}

func (k *known) ApplicationSets() []live.ApplicationSet {
	out := make([]live.ApplicationSet, len(k.names))
	for i, name := range k.names {
		out[i] = k.set
		out[i].Name, out[i].UID = name, name
	}
	return out
}

func newKnown(applications int) (*known, error) {
	w, err := newWorld(applications)
	if err != nil {
		return nil, err
	}
	k := &known{world: w, apps: map[string][]live.Application{}, set: live.ApplicationSet{Spec: template().Spec}}
	for i, sets := range w.sets {
		for j := range sets {
			text, err := annotation(&sets[j])
			if err != nil {
				return nil, err
			}
			k.apps[w.names[i]] = append(k.apps[w.names[i]], live.Application{
				Name: sets[j].Name, UID: sets[j].Name, Parameters: text, Labels: sets[j].Labels, Project: sets[j].Project, Path: sets[j].Path, Reconciled: true,
			})
		}
		slices.SortFunc(k.apps[w.names[i]], func(a, b live.Application) int { return strings.Compare(a.Name, b.Name) })
	}
	return k, nil
}

// cost is CPU time and memory.
type cost struct {
	sets                    int
	answers, marshal, again time.Duration
	heap                    uint64
}

// ratio is what answers cost, in what marshalling them costs.
func (c cost) ratio() float64 { return float64(c.answers) / float64(c.marshal) }

// tries are how often CPU time is measured, the one after the other; the one in the middle counts.
const tries = 5

// costs simulates so many Applications in memory.
func costs(ctx context.Context, applications int) (cost, error) {
	before := heap()
	k, err := newKnown(applications)
	if err != nil {
		return cost{}, err
	}
	var all []cost
	for range tries {
		g := guard.New(guard.Options{Repository: k, Fleet: k, Live: k, Policy: admission.DefaultPolicy()})
		one := cost{sets: len(k.names)}
		for _, work := range []struct {
			took *time.Duration
			does func() error
		}{
			{&one.marshal, k.marshal},
			{&one.answers, func() error { return k.answer(ctx, g) }},
			{&one.again, func() error { return k.answer(ctx, g) }},
		} {
			if *work.took, err = cpu(work.does); err != nil {
				return one, err
			}
		}
		one.heap = heap() - before
		runtime.KeepAlive(g)
		runtime.KeepAlive(k)
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b cost) int { return cmp.Compare(a.ratio(), b.ratio()) })
	return all[tries/2], nil
}

// marshal marshals every answer, and nothing else.
func (w *world) marshal() error {
	for _, sets := range w.sets {
		if _, err := json.Marshal((&params.Result{Sets: sets}).Answer()); err != nil {
			return err
		}
	}
	return nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// cpu is the time that the process computes, not that it waits: the machine may be busy with other things.
func cpu(work func() error) (time.Duration, error) {
	runtime.GC()
	before, err := computed()
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	after, err := computed()
	return after - before, err
}

// computed is for how long the process has computed.
func computed() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

// sizes are what one Application costs.
type sizes struct {
	answer, application, row int
	// status and rolling are what it takes in the status of its ApplicationSet.
	status, rolling int
	template        time.Duration
}

// sampled is how many Applications Argo CD's own code makes to know what one costs.
const sampled = 200

func (w *world) perApplication() (sizes, error) {
	api, err := newAPIServer(w)
	if err != nil {
		return sizes{}, err
	}
	out := sizes{application: len(api.applications[0]), row: len(api.rows[0])}
	set, err := annotation(&w.sets[0][len(w.sets[0])-1])
	if err != nil {
		return out, err
	}
	out.answer = len(set)
	apps, took, err := w.generate(min(sampled, len(w.sets[0])))
	if err != nil {
		return out, err
	}
	out.template = took
	return out, out.inStatus(apps)
}

// inStatus is what Argo CD writes of Applications into the status of their ApplicationSet.
func (s *sizes) inStatus(apps []v1alpha1.Application) error {
	for i := range apps {
		apps[i].TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Application"}
		apps[i].Namespace = "argocd"
		since := metav1.Now()
		apps[i].Status.Sync.Status = v1alpha1.SyncStatusCodeSynced
		apps[i].Status.Health = v1alpha1.HealthStatus{Status: "Healthy", LastTransitionTime: &since}
	}
	var resources []v1alpha1.ResourceStatus
	for _, one := range status.BuildResourceStatus(map[string]v1alpha1.ResourceStatus{}, apps) {
		resources = append(resources, one)
	}
	text, err := json.Marshal(resources)
	if err != nil {
		return err
	}
	now := metav1.Now()
	rolling := make([]v1alpha1.ApplicationSetApplicationStatus, len(apps))
	for i := range apps {
		// As Argo CD's progressive sync has it when an Application is done.
		rolling[i] = v1alpha1.ApplicationSetApplicationStatus{
			Application: apps[i].Name, LastTransitionTime: &now, Message: "Application resource became Healthy, updating status from Progressing to Healthy.",
			Status: "Healthy", Step: "1", TargetRevisions: []string{strings.Repeat("a", 40)},
		}
	}
	more, err := json.Marshal(rolling)
	if err != nil {
		return err
	}
	s.status = len(text) / len(apps)
	s.rolling = s.status + len(more)/len(apps)
	return nil
}

// generate has Argo CD's own code make Applications.
func (w *world) generate(count int) ([]v1alpha1.Application, time.Duration, error) {
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	logrus.SetOutput(io.Discard)
	var all []map[string]any
	for i := range count {
		text, err := annotation(&w.sets[0][i])
		if err != nil {
			return nil, 0, err
		}
		var value map[string]any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return nil, 0, err
		}
		all = append(all, map[string]any{params.Key: value})
	}
	given := map[string]generators.Generator{"Plugin": given{generators.NewPluginGenerator(nil, nil, nil, ""), all}}
	var apps []v1alpha1.Application
	took, err := cpu(func() (err error) {
		apps, _, err = argotemplate.GenerateApplications(logrus.NewEntry(silent), *template(), given, &utils.Render{}, nil)
		return err
	})
	if err == nil && len(apps) != count {
		err = errors.New("not as many Applications as parameter sets")
	}
	return apps, took / time.Duration(count), err
}

// given is the plugin generator after its request.
type given struct {
	generators.Generator
	parameters []map[string]any
}

// GenerateParams is generators.Generator's.
func (g given) GenerateParams(*v1alpha1.ApplicationSetGenerator, *v1alpha1.ApplicationSet, client.Client) ([]map[string]any, error) {
	return g.parameters, nil
}
