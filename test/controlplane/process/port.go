package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// Ports below those that the kernel gives to outgoing connections, in blocks: a run takes a block, and no other run on this
// machine takes the same one while it lives.
const (
	firstPort = 20000
	blocks    = 120
	blockSize = 100
)

// Ports hands out ports that nobody listens on.
type Ports struct {
	mu   sync.Mutex
	next int
	end  int
	// lock is held as long as the process lives.
	lock *os.File
}

// NewPorts takes a block of ports.
func NewPorts() (*Ports, error) {
	var last error
	for block := range blocks {
		lock, err := tryLock(filepath.Join(os.TempDir(), fmt.Sprintf("tidegate-ports-%d.lock", block)), os.O_CREATE)
		if err != nil {
			last = err // another run's, or another user's, whose file this one may not even open
			continue
		}
		start := firstPort + block*blockSize
		return &Ports{next: start, end: start + blockSize, lock: lock}, nil
	}
	return nil, fmt.Errorf("all %d blocks of ports are taken: too many runs at once: %w", blocks, last)
}

// Take returns a port that is free.
func (p *Ports) Take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; p.next < p.end; p.next++ {
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", p.next))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, err
		}
		p.next++
		return p.next - 1, nil
	}
	return 0, fmt.Errorf("no free port below %d", p.end)
}

// Close gives the block back.
func (p *Ports) Close() error { return p.lock.Close() }
