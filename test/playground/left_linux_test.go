//go:build e2e && linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"

	"github.com/tidegate/tidegate/test/controlplane"
)

// servers are how many of each program a playground is, by their names as the kernel cuts them.
var servers = map[string]int{
	"etcd": 2, "kube-apiserver": 2, "kube-controller": 2, "kube-scheduler": 2, "kwok": 2,
	"argocd":   4, // repo-server, the application, ApplicationSet and notifications controllers
	"tidegate": 1, "tidegate-plugin": 1,
}

// ports are how many they listen on at least: etcd on two, kwok and the other controllers of Kubernetes on none, the playground
// itself on Redis'.
const ports = 2*2 + 2 + 4 + 1 + 1 + 1

// everything is what runs for a playground, and what that listens on. The test fails unless all of its servers are there.
func (p *playground) everything() ([]proc, []socket) {
	p.Helper()
	all, sockets := p.running()
	got := map[string]int{}
	for _, one := range all {
		if one.parent == p.Process.Pid {
			got[one.name]++
		}
	}
	if diff := cmp.Diff(servers, got); diff != "" {
		p.Errorf("servers of the playground (-want +got):\n%s", diff)
	}
	if len(sockets) < ports {
		p.Errorf("the playground listens only on %v", sockets)
	}
	return all, sockets
}

// running is what runs for a playground now, and what that listens on.
func (p *playground) running() ([]proc, []socket) {
	p.Helper()
	all := p.descendants()
	sockets, err := listening(append(all, proc{pid: p.Process.Pid}))
	p.must(err)
	p.Logf("%d processes listen on %d sockets", len(all)+1, len(sockets))
	return all, sockets
}

// descendants are the processes that a playground has started, and those that these have.
func (p *playground) descendants() []proc {
	p.Helper()
	all, err := processes()
	p.must(err)
	var out []proc
	for parents := []int{p.Process.Pid}; len(parents) > 0; parents = parents[1:] {
		for _, one := range all {
			if one.parent == parents[0] {
				out, parents = append(out, one), append(parents, one.pid)
			}
		}
	}
	return out
}

// untilNothingIsLeft waits until processes have ended, and nothing of them is listened on.
func (p *playground) untilNothingIsLeft(all []proc, sockets []socket) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	p.must(controlplane.Until(ctx, "every process has ended, and every port is free", func(context.Context) error {
		left, err := stillRunning(all)
		if err != nil || len(left) > 0 {
			return errors.Join(err, fmt.Errorf("%v are left", left))
		}
		// A process has ended before the last of its threads has closed what it listens on.
		open, err := listened()
		for _, one := range sockets {
			if slices.Contains(open, one) {
				err = errors.Join(err, fmt.Errorf("port %d is still listened on", one.port))
			}
		}
		return err
	}))
}

// proc is a process.
type proc struct {
	pid, parent int
	name        string
	// begun tells it from a later one that has got its ID.
	begun uint64
}

func (p proc) String() string { return fmt.Sprintf("process %d, %s", p.pid, p.name) }

// processes are all that run on this machine, without those that have ended and that nobody has asked how.
func processes() ([]proc, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	var out []proc
	for _, one := range all {
		stat, err := one.Stat()
		if err != nil || stat.State == "Z" || stat.State == "X" {
			continue // it has just ended
		}
		out = append(out, proc{pid: stat.PID, parent: stat.PPID, name: stat.Comm, begun: stat.Starttime})
	}
	return out, nil
}

// stillRunning are those of some processes that have not ended, with the parents that they had.
func stillRunning(all []proc) ([]proc, error) {
	now, err := processes()
	return slices.DeleteFunc(slices.Clone(all), func(one proc) bool {
		return !slices.ContainsFunc(now, func(n proc) bool { return n.pid == one.pid && n.begun == one.begun })
	}), err
}

// socket is one that somebody listens on. Its inode tells it from a later one of the same port.
type socket struct{ port, inode uint64 }

// listening are the TCP sockets that processes listen on.
func listening(by []proc) ([]socket, error) {
	theirs := map[string]bool{}
	for _, one := range by {
		process, err := procfs.NewProc(one.pid)
		if err != nil {
			continue // git or a render: it has just ended
		}
		files, err := process.FileDescriptorTargets()
		if err != nil {
			continue
		}
		for _, file := range files {
			theirs[file] = true
		}
	}
	all, err := listened()
	return slices.DeleteFunc(all, func(s socket) bool { return !theirs[fmt.Sprintf("socket:[%d]", s.inode)] }), err
}

// listened are all TCP sockets of this machine that somebody listens on.
func listened() ([]socket, error) {
	const listens = 0x0A // TCP_LISTEN
	machine, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	four, err := machine.NetTCP()
	if err != nil {
		return nil, err
	}
	six, err := machine.NetTCP6()
	var out []socket
	for _, one := range append(four, six...) {
		if one.St == listens {
			out = append(out, socket{one.LocalPort, one.Inode})
		}
	}
	return out, err
}
