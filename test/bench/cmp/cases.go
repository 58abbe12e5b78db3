package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/tidegate/tidegate/plugin/render/schema"
	"github.com/tidegate/tidegate/test/bench/overlay"
)

// case_ is one row of the table, or a few.
type case_ struct {
	name string
	run  func(b *bench, c case_) error
	// ballast is bytes per service that do not compress.
	ballast int
	// git says whether the repository is a Git checkout that moves between commits, and excluded what is not sent of it.
	git      bool
	excluded []string
}

var cases = []case_{
	{name: "whole repository", run: whole},
	{name: "whole repository, commits, without .git", run: whole, git: true, excluded: []string{".git"}},
	{name: "whole repository, commits, .git sent", run: whole, git: true},
	{name: "whole repository, poorly compressible", run: whole, ballast: 16 << 10},
	{name: "service folder", run: folders},
	{name: "service folder, poorly compressible", run: folders, ballast: 64 << 10},
	{name: "100 large CRDs", run: large},
}

// turns sends the jobs to each server, a few at a time and by turns, so that all meet the same machine.
func (b *bench) turns(jobs []job, most map[string]int) (map[string]sample, error) {
	taken := map[string]sample{}
	const few = 20
	for begin := 0; begin < len(jobs); begin += few {
		some := jobs[begin:min(begin+few, len(jobs))]
		for _, name := range []string{floor, tidegate, peer} {
			limit := most[name] - begin
			if limit <= 0 {
				continue
			}
			one, err := b.running[name].send(some[:min(limit, len(some))])
			if err != nil {
				return nil, err
			}
			taken[name] = taken[name].add(one)
		}
	}
	return taken, nil
}

// whole sends the whole repository for every Application, once.
func whole(b *bench, c case_) error {
	r, err := newRepository(filepath.Join(b.dir, c.name), b.services, c.ballast)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.root)
	total := map[string]sample{}
	commits := 1
	if c.git {
		commits = 3
	}
	for n := range commits {
		if c.git {
			if err := r.commit(n); err != nil {
				return err
			}
		}
		var jobs []job
		for i := range b.sample * 5 / commits {
			jobs = append(jobs, job{r.overlay(i * 7 % b.services), r.root, c.excluded})
		}
		taken, err := b.turns(jobs, map[string]int{floor: len(jobs), tidegate: len(jobs), peer: max(2, b.sample/commits)})
		if err != nil {
			return err
		}
		for name, one := range taken {
			total[name] = total[name].add(one)
		}
	}
	b.row(c.name, total, "≤ 1.1 × floor", fmt.Sprintf("floor's %.2f", total[floor].busy()))
	return nil
}

// folders sends only the service's folder: first cold, then again after a commit elsewhere.
func folders(b *bench, c case_) error {
	r, err := newRepository(filepath.Join(b.dir, c.name), b.services, c.ballast)
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.root)
	var jobs []job
	for i := range b.services {
		jobs = append(jobs, job{r.overlay(i), r.service(i), nil})
	}
	most := map[string]int{floor: len(jobs), tidegate: len(jobs), peer: b.sample * 10}
	cold, err := b.turns(jobs, most)
	if err != nil {
		return err
	}
	own, err := krustyCPU(r)
	if err != nil {
		return err
	}
	goal := cold[floor].busy() + 1.1*own
	b.row(c.name+", cold", cold, "", fmt.Sprintf("CPU ≤ %.2f ms (floor's %.2f + 1.1 × krusty's %.2f)", goal, cold[floor].busy(), own))
	again, err := b.turns(jobs, most)
	if err != nil {
		return err
	}
	b.row(c.name+", again after a commit elsewhere", again, "≤ 1.1 × floor", "≤ 0.05")
	if err := r.touch(); err != nil {
		return err
	}
	if again, err = b.turns(jobs, most); err != nil {
		return err
	}
	b.row(c.name+", again from a fresh clone", again, "≤ 1.1 × floor", "≤ 0.05")
	return nil
}

// krustyCPU is what kustomize as a library takes for a render, in ms of CPU: Run and AsYaml, with the schema that we use,
// as in BenchmarkRender.
func krustyCPU(r *repository) (float64, error) {
	schema.Suppress()
	schema.Load()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	before := ownCPU()
	for i := range r.services {
		resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), r.overlay(i))
		if err != nil {
			return 0, err
		}
		if _, err := resources.AsYaml(); err != nil {
			return 0, err
		}
	}
	return (ownCPU() - before) * 1000 / float64(r.services), nil
}

// large sends an overlay of 100 large CRDs that differs each time, one at a time, and runs `kustomize build` on it.
func large(b *bench, c case_) error {
	var all overlay.Overlay
	for _, o := range overlay.All {
		if o.Name == "100-large-crds" {
			all = o
		}
	}
	path, err := all.Write(b.dir)
	if err != nil {
		return errors.Join(err, fmt.Errorf("writing %s", c.name))
	}
	total := map[string]sample{}
	for n := range b.sample {
		stamp := fmt.Sprintf("resources: [../base]\nlabels:\n- pairs: {team: platform-%d}\n", n)
		if err := os.WriteFile(filepath.Join(path, "kustomization.yaml"), []byte(stamp), 0o644); err != nil {
			return err
		}
		taken, err := b.turns([]job{{path, filepath.Dir(path), nil}}, map[string]int{floor: 1, tidegate: 1, peer: 1})
		if err != nil {
			return err
		}
		build := exec.Command(b.kustomize, "build", path)
		begin := time.Now()
		if err := build.Run(); err != nil {
			return err
		}
		used := build.ProcessState.UserTime() + build.ProcessState.SystemTime()
		taken["kustomize"] = sample{jobs: 1, elapsed: time.Since(begin), cpu: used.Seconds()}
		for name, one := range taken {
			total[name] = total[name].add(one)
		}
	}
	build, ours := total["kustomize"], total[tidegate]
	b.row(c.name+", cold", total,
		fmt.Sprintf("%.2f × kustomize build's %.1f (≤ 0.5), floor not counted", (ours.wall()-total[floor].wall())/build.wall(), build.wall()),
		fmt.Sprintf("%.2f × kustomize build's %.1f (≤ 0.5), floor not counted", (ours.busy()-total[floor].busy())/build.busy(), build.busy()))
	return nil
}
