package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/util/cmp"
)

// clients are how many send at once.
const clients = 2

// job is one Application as repo-server would send it.
type job struct {
	app, root string
	excluded  []string
}

// sample is what a number of jobs took.
type sample struct {
	jobs    int
	elapsed time.Duration
	cpu     float64 // of the server, in seconds
}

// taken is what each server took, turn by turn.
type taken map[string][]sample

// add puts the turns of others behind these.
func (t taken) add(others taken) {
	for name, turns := range others {
		t[name] = append(t[name], turns...)
	}
}

// of is what a server took for all its turns together.
func (t taken) of(name string) (all sample) {
	for _, s := range t[name] {
		all = sample{all.jobs + s.jobs, all.elapsed + s.elapsed, all.cpu + s.cpu}
	}
	return all
}

// ratio is how much longer a job of one server takes than one of another: the median of the turns that both have had. What
// else the machine does meanwhile spoils some turns, and so hardly the median.
func (t taken) ratio(name, other string) float64 {
	var ratios []float64
	for i := range min(len(t[name]), len(t[other])) {
		ratios = append(ratios, t[name][i].wall()/t[other][i].wall())
	}
	if len(ratios) == 0 {
		return math.NaN()
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// wall and busy are milliseconds for one job: of time that passes, and of the server's CPU.
func (s sample) wall() float64 { return s.elapsed.Seconds() * 1000 / float64(s.jobs) }
func (s sample) busy() float64 { return s.cpu * 1000 / float64(s.jobs) }

// send sends the jobs with Argo CD's own client, and waits for all answers.
func (p *process) send(jobs []job) (sample, error) {
	pid := p.command.Process.Pid
	before, begin := cpu(pid), time.Now()
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	errs := make(chan error, clients)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() { errs <- p.work(queue) })
	}
	group.Wait()
	taken := sample{len(jobs), time.Since(begin), cpu(pid) - before}
	for range clients {
		if err := <-errs; err != nil {
			return taken, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return taken, nil
}

// work is one client, with one connection.
func (p *process) work(queue <-chan job) error {
	conn, client, err := apiclient.NewConfigManagementPluginClientSet(p.socket).NewConfigManagementPluginClient()
	if err != nil {
		return err
	}
	defer func(c io.Closer) { _ = c.Close() }(conn)
	for j := range queue {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := generate(ctx, client, j); err != nil {
			cancel()
			return fmt.Errorf("%s: %w", j.app, err)
		}
		cancel()
	}
	return nil
}

func generate(ctx context.Context, client apiclient.ConfigManagementPluginServiceClient, j job) error {
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return err
	}
	environment := []string{"ARGOCD_APP_NAME=" + j.app, "ARGOCD_APP_NAMESPACE=staging"}
	if _, path, found := strings.Cut(j.app, "/services/"); found {
		environment = append(environment, "ARGOCD_APP_SOURCE_PATH=services/"+path, "ARGOCD_APP_SOURCE_REPO_URL=https://github.com/myorg/gitops-platform")
	}
	if err := cmp.SendRepoStream(ctx, j.app, j.root, stream, environment, j.excluded); err != nil {
		return err
	}
	response, err := stream.CloseAndRecv()
	if err == nil && len(response.Manifests) == 0 {
		err = fmt.Errorf("no manifests")
	}
	return err
}
