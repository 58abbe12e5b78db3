// Package process runs servers as children of this process. None outlives it, however it ends.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Spec is a program to be run.
type Spec struct {
	// Name is how people call it.
	Name string
	Path string
	Args []string
	// Env is added to PATH and HOME; nothing else of ours is inherited.
	Env []string
	Dir string
	// Log is the file for what it prints. It is appended to.
	Log string
}

// Process is a program that runs.
type Process struct {
	Spec
	command *exec.Cmd
	// done is closed when it has ended, and err says how.
	done chan struct{}
	err  error

	mu       sync.Mutex
	stopping bool
	// reaped is when its ID, and its group's, may be another's.
	reaped bool
}

// starter starts programs. It is one thread that never ends: Linux kills a child whose parent thread is gone.
var starter = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})

// StartWith starts a command that gets the signal when this process ends, however it ends.
func StartWith(command *exec.Cmd, signal syscall.Signal) error {
	command.SysProcAttr = endingWith(signal)
	started := make(chan error)
	starter() <- func() { started <- command.Start() }
	return <-started
}

// Start starts a program.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	command := exec.Command(spec.Path, spec.Args...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + spec.Dir}, spec.Env...)
	command.Dir, command.Stdout, command.Stderr = spec.Dir, log, log
	command.SysProcAttr = attributes()
	p := &Process{Spec: spec, command: command, done: make(chan struct{})}
	started := make(chan error)
	starter() <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", spec.Name, err), log.Close())
	}
	go func() {
		p.err = errors.Join(p.reap(), log.Close())
		close(p.done)
	}()
	return p, nil
}

// Failed is why it ended although nobody stopped it; nil while it runs.
func (p *Process) Failed() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil
	}
	if p.err == nil {
		return fmt.Errorf("%s ended; its log is %s", p.Name, p.Log)
	}
	return fmt.Errorf("%s ended: %w; its log is %s", p.Name, p.err, p.Log)
}

// Stop asks it to end, with its children, and kills what does not end in time.
func (p *Process) Stop(ctx context.Context, grace time.Duration) {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGCONT) // one that is frozen would not notice
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Kill ends it at once, as a crash would.
func (p *Process) Kill() {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Freeze stops it from answering, with its connections open, until Thaw.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

// PID is that of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// signal reaches the process and its children. It is too late for one that has ended: another may have its ID.
func (p *Process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.PID(), s)
	}
}
