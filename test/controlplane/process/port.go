package process

import (
	"fmt"
	"net"
	"sync"
)

// Ports below those that the kernel gives to outgoing connections, in blocks: a run takes a block by listening on its first
// port, and no other run on this machine, whoever's it is, takes the same one while it lives.
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
	// first is open as long as the process lives.
	first net.Listener
}

// NewPorts takes a block of ports.
func NewPorts() (*Ports, error) {
	var last error
	for block := range blocks {
		start := firstPort + block*blockSize
		first, err := listen(start)
		if err != nil {
			last = err
			continue
		}
		return &Ports{next: start + 1, end: start + blockSize, first: first}, nil
	}
	return nil, fmt.Errorf("all %d blocks of ports are taken: too many runs at once: %w", blocks, last)
}

// Take returns a port that is free.
func (p *Ports) Take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ; p.next < p.end; p.next++ {
		listener, err := listen(p.next)
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
func (p *Ports) Close() error { return p.first.Close() }

func listen(port int) (net.Listener, error) { return net.Listen("tcp", fmt.Sprintf(":%d", port)) }
