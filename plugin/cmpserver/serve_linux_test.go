package cmpserver_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
)

func TestASocketIsLeftAloneWhereItIsNotCertainThatNobodyListens(t *testing.T) {
	for name, occupy := range map[string]func(t *testing.T, path string){
		"a server whose queue is full": func(t *testing.T, path string) {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Close(fd) })
			if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
				t.Fatal(err)
			}
			for {
				conn, err := net.Dial("unix", path)
				if errors.Is(err, syscall.EAGAIN) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
			}
		},
		"another protocol": func(t *testing.T, path string) {
			conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := socket(t)
			occupy(t, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			listener, err := cmpserver.Listen(path)
			if err == nil {
				_ = listener.Close()
			}
			if err == nil || !strings.HasPrefix(err.Error(), path+" may be another plugin server's: end that one, or remove the socket") {
				t.Errorf("got %v", err)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("the socket was replaced: %v", err)
			}
		})
	}
}
