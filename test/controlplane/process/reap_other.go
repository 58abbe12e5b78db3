//go:build !linux

package process

import "syscall"

// reap waits until the process has ended, says how, and ends what it leaves behind. Only Linux tells that it has ended before
// its ID may be another's; elsewhere there is a moment between the two.
func (p *Process) reap() error {
	err := p.command.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // nothing may be left
	p.reaped = true
	return err
}
