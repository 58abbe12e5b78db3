package controlplane

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// listener is the program that listens on a unix socket, which the kernel notes when it begins to.
func listener(socket string) (program string, err error) {
	connection, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	raw, err := connection.SyscallConn()
	if err != nil {
		return "", err
	}
	var peer *unix.Ucred
	var unknown error
	if err := raw.Control(func(fd uintptr) {
		peer, unknown = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || unknown != nil {
		return "", errors.Join(err, unknown)
	}
	return os.Readlink(fmt.Sprintf("/proc/%d/exe", peer.Pid))
}
