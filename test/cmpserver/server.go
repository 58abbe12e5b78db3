// Package cmpserver runs a plugin the way an Argo CD installation does, in one process and without a cluster: Argo CD's own
// plugin server on a unix socket, as in the sidecar, and the code of repo-server that calls it. Nothing of the protocol
// is repeated here. It is for tests and the demo, and it changes variables of its process's environment while it runs,
// because Argo CD reads them from there: one server at a time.
package cmpserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/cmpserver/plugin"
	"github.com/argoproj/argo-cd/v2/common"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
)

// Options say what the sidecar's container would hold.
type Options struct {
	// ConfigDir is the folder of plugin.yaml.
	ConfigDir string
	// Path is the whole PATH of the sidecar, from which the plugin's commands are taken.
	Path string
	// Log gets what Argo CD logs. Nil: nothing is logged.
	Log io.Writer
}

// Server is a running plugin server.
type Server struct {
	name string
	dir  string
	// Process is that of a server that is a program of its own.
	Process *os.Process
	stop    func() error
	restore []func()
}

// Start reads plugin.yaml and serves the plugin on a socket, as argocd-cmp-server does. Close ends it.
func Start(opts Options) (*Server, error) {
	config, err := plugin.ReadPluginConfig(opts.ConfigDir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opts.ConfigDir, err)
	}
	// A folder of its own with a short name: the path of a unix socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "cmp")
	if err != nil {
		return nil, err
	}
	s := newServer(config.Metadata.Name, dir)
	s.setenv(common.EnvCMPWorkDir, dir)
	s.setenv("PATH", opts.Path)
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	out := logrus.StandardLogger().Out
	logrus.SetOutput(opts.Log)
	s.restore = append(s.restore, func() { logrus.SetOutput(out) })

	service := plugin.NewService(plugin.CMPServerInitConstants{PluginConfig: *config})
	if err := service.Init(common.GetCMPWorkDir()); err != nil {
		return nil, errors.Join(err, s.clean())
	}
	listener, err := net.Listen("unix", config.Address())
	if err != nil {
		return nil, errors.Join(err, s.clean())
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(apiclient.MaxGRPCMessageSize),
		grpc.MaxSendMsgSize(apiclient.MaxGRPCMessageSize),
	)
	apiclient.RegisterConfigManagementPluginServiceServer(server, service)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	s.stop = func() error {
		server.Stop()
		return <-done
	}
	return s, nil
}

// newServer makes repo-server's code look for plugins in dir.
func newServer(name, dir string) *Server {
	s := &Server{name: name, dir: dir}
	s.setenv(common.EnvPluginSockFilePath, dir)
	return s
}

// Close stops the server, removes its files and puts the environment back.
func (s *Server) Close() error {
	return errors.Join(s.stop(), s.clean())
}

func (s *Server) clean() error {
	for _, restore := range s.restore {
		restore()
	}
	return os.RemoveAll(s.dir)
}

func (s *Server) setenv(name, value string) {
	old, had := os.LookupEnv(name)
	_ = os.Setenv(name, value)
	s.restore = append(s.restore, func() {
		if had {
			_ = os.Setenv(name, old)
		} else {
			_ = os.Unsetenv(name)
		}
	})
}

// Address is the path of the socket.
func (s *Server) Address() string { return filepath.Join(s.dir, s.name+".sock") }
