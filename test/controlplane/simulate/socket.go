package simulate

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// serverTimeout is how long a client may take to say what it wants.
const serverTimeout = 10 * time.Second

// listen listens on a Unix socket. One that a process left behind is replaced, one that somebody listens on is not.
func listen(path string) (net.Listener, error) {
	listener, err := net.Listen("unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	if conn, err := net.Dial("unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: another simulation listens here; stop it first", path), conn.Close())
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// tunnels are a listener, so that an ordinary server can serve them.
type tunnels struct {
	opened chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newTunnels() *tunnels {
	return &tunnels{opened: make(chan net.Conn), closed: make(chan struct{})}
}

// open hands a connection to the server. When that has ended, the connection ends too.
func (t *tunnels) open(conn net.Conn) error {
	select {
	case t.opened <- conn:
		return nil
	case <-t.closed:
		return conn.Close()
	}
}

// Accept returns the next tunnel.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case conn := <-t.opened:
		return conn, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close opens no more tunnels.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

// Addr is nothing that anybody asks for: tunnels have none.
func (t *tunnels) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }
