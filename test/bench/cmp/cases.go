package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

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
	{name: "service folder", run: folders, git: true},
	{name: "service folder, poorly compressible", run: folders, git: true, ballast: 64 << 10},
	{name: "100 large CRDs", run: large},
}

// repository writes the case's, whose renders are those of no other case.
func (c case_) repository(b *bench) (*repository, error) {
	b.repositories++
	r, err := newRepository(filepath.Join(b.dir, c.name), fmt.Sprintf("v1.4.%d", b.repositories), b.services, c.ballast)
	if err == nil && c.git {
		err = r.share()
	}
	return r, err
}

// turns sends the jobs to each server, a few at a time and by turns, so that all meet the same machine; each time another
// server is the first.
func (b *bench) turns(jobs []job, most map[string]int) (taken, error) {
	all := taken{}
	const few = 20
	for begin := 0; begin < len(jobs); begin += few {
		some := jobs[begin:min(begin+few, len(jobs))]
		b.first++
		asked := slices.DeleteFunc(slices.Clone(servers), func(name string) bool { return most[name] <= begin })
		for i := range asked {
			name := asked[(b.first+i)%len(asked)]
			one, err := b.running[name].send(some[:min(most[name]-begin, len(some))])
			if err != nil {
				return nil, err
			}
			all[name] = append(all[name], one)
		}
	}
	return all, nil
}

// whole sends the whole repository for every Application, once; of a checkout that moves, a third of them at each of three
// commits, of which the first has been checked out as it is, the second has been moved to, and the third is checked out
// anew.
func whole(b *bench, c case_) error {
	r, err := c.repository(b)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(r.root))
	moves := []func() error{func() error { return nil }}
	if c.git {
		moves = append(moves, r.commit, func() error { return errors.Join(r.commit(), r.again()) })
	}
	applications := b.whole
	if applications == 0 {
		applications = b.services
	}
	total := taken{}
	for n, move := range moves {
		if err := move(); err != nil {
			return err
		}
		var jobs []job
		for i := n; i < applications; i += len(moves) {
			jobs = append(jobs, job{r.overlay(i), r.root, c.excluded})
		}
		some, err := b.turns(jobs, map[string]int{floor: len(jobs), tidegate: len(jobs), peer: max(2, b.sample/len(moves))})
		if err != nil {
			return err
		}
		total.add(some)
	}
	b.row(c.name, total, nearFloor(total), goal{})
	return nil
}

// folders sends only the service's folder: first cold, then again after a commit elsewhere.
func folders(b *bench, c case_) error {
	r, err := c.repository(b)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(r.root))
	var jobs []job
	for i := range b.services {
		jobs = append(jobs, job{r.overlay(i), r.service(i), nil})
	}
	most := map[string]int{floor: len(jobs), tidegate: len(jobs), peer: b.sample * 10}
	if err := b.warm(); err != nil {
		return err
	}
	if _, err := b.running[library].send(jobs[:1]); err != nil { // it reads the repository
		return err
	}
	most[library] = len(jobs)
	cold, err := b.turns(jobs, most)
	if err != nil {
		return err
	}
	delete(most, library)
	idle := cold.of(floor).busy()
	own := cold.of(library).busy() - idle
	b.row(c.name+", cold", cold, goal{}, goal{
		fmt.Sprintf("≤ %.2f ms (floor's %.2f + 1.1 × kustomize's %.2f)", idle+1.1*own, idle, own), cold.of(tidegate).busy(), idle + 1.1*own,
	})
	for _, move := range []struct {
		name string
		make func() error
	}{{"again after a commit elsewhere", r.commit}, {"again from a fresh clone", r.again}} {
		if err := move.make(); err != nil {
			return err
		}
		again, err := b.turns(jobs, most)
		if err != nil {
			return err
		}
		b.row(c.name+", "+move.name, again, nearFloor(again), goal{"≤ 0.05", again.of(tidegate).busy() / again.of(peer).busy(), 0.05})
	}
	return nil
}

// warm has every server that renders in its own process render what no row asks for, so that each has the memory that it needs.
func (b *bench) warm() error {
	const services = 200
	b.repositories++
	r, err := newRepository(filepath.Join(b.dir, "warm"), fmt.Sprintf("v1.4.%d", b.repositories), services, 0)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(r.root))
	var jobs []job
	for i := range services {
		jobs = append(jobs, job{r.overlay(i), r.service(i), nil})
	}
	for _, name := range []string{floor, tidegate, library} {
		if _, err := b.running[name].send(jobs); err != nil {
			return err
		}
	}
	return nil
}

// large sends an overlay of 100 large CRDs that differs each time, one at a time, and runs `kustomize build` on it. If a
// profile is asked for, it goes on with our server alone.
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
	total := taken{}
	render := func(n int, most map[string]int) (taken, error) {
		stamp := fmt.Sprintf("resources: [../base]\nlabels:\n- pairs: {team: platform-%d}\n", n)
		if err := os.WriteFile(filepath.Join(path, "kustomization.yaml"), []byte(stamp), 0o644); err != nil {
			return nil, err
		}
		return b.turns([]job{{path, filepath.Dir(path), nil}}, most)
	}
	for n := range b.sample {
		one, err := render(n, map[string]int{floor: 1, tidegate: 1, peer: 1})
		if err != nil {
			return err
		}
		build := exec.Command(b.kustomize, "build", path)
		begin := time.Now()
		if err := build.Run(); err != nil {
			return err
		}
		used := build.ProcessState.UserTime() + build.ProcessState.SystemTime()
		one["kustomize"] = []sample{{jobs: 1, elapsed: time.Since(begin), cpu: used.Seconds()}}
		total.add(one)
	}
	build, ours, idle := total.of("kustomize"), total.of(tidegate), total.of(floor)
	half := func(ours, build float64) goal {
		return goal{fmt.Sprintf("%.2f × kustomize build's %.1f (≤ 0.5), floor not counted", ours/build, build), ours / build, 0.5}
	}
	b.row(c.name+", cold", total, half(ours.wall()-idle.wall(), build.wall()), half(ours.busy()-idle.busy(), build.busy()))
	if b.profile == "" {
		return nil
	}
	n := b.sample
	return b.profiled(func() error {
		n++
		_, err := render(n, map[string]int{tidegate: 1})
		return err
	})
}
