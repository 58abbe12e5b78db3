package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reap waits until the process has ended, ends what it leaves behind, and says how it ended. Until then its ID is nobody
// else's, and no signal is sent after that.
func (p *Process) reap() error {
	unreaped := untilEnded(p.PID())
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL) // there is always one to get it: the process itself
	p.reaped = true
	return errors.Join(unreaped, p.command.Wait())
}

// untilEnded waits until a child has ended, and leaves it to be reaped.
func untilEnded(pid int) error {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("waitid", err)
		}
	}
}
