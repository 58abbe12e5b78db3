package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/cmpserver/plugin"
	"github.com/argoproj/argo-cd/v2/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// The servers that are compared. Each is a process of its own; floor and argocd are this program under another name, and
// library is ./krusty.
const (
	floor    = "floor"
	peer     = "argocd"
	tidegate = "tidegate"
	library  = "library"
)

var servers = []string{floor, tidegate, library, peer}

// collector is what our server sets for its garbage collector (cmd/internal/serve), as variables for those that it is compared with
// by what they take above each other.
func collector() []string {
	return []string{"GOGC=400", fmt.Sprintf("GOMEMLIMIT=%d", cmpserver.Divide(0).Soft)}
}

// serverVariable makes this program one of the servers.
const serverVariable = "TIDEGATE_BENCH_SERVER"

// pluginYAML is what Argo CD's own server is given: kustomize, and nothing that we do beside.
const pluginYAML = `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: argocd}
spec:
  generate: {command: [kustomize, build]}
`

// process is a running server.
type process struct {
	name    string
	socket  string
	command *exec.Cmd
	watch   *watch
	// debug is where our server's metrics and profiles are.
	debug string
}

// start starts a server with a folder of its own below dir. One that does not answer is returned with the error.
func start(name, dir, plugin, kustomize string) (*process, error) {
	home, err := os.MkdirTemp(dir, name)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, socket: filepath.Join(home, name+".sock")}
	config := filepath.Join(home, "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		return nil, err
	}
	yaml := pluginYAML
	if name == tidegate {
		yaml = strings.NewReplacer("argocd", name, "[kustomize, build]", "[tidegate-plugin, render, --waves=tiers]").Replace(yaml)
	}
	if err := os.WriteFile(filepath.Join(config, "plugin.yaml"), []byte(yaml), 0o644); err != nil {
		return nil, err
	}
	p.command = exec.Command(os.Args[0], config)
	if name == tidegate {
		if p.debug, err = freePort(); err != nil {
			return nil, err
		}
		p.command = exec.Command(plugin, "serve", "--config-dir-path="+config, "--loglevel=error", "--http-address="+p.debug, "--pprof")
	}
	if name == library {
		p.command = exec.Command(filepath.Join(dir, library), p.socket)
	}
	p.command.Env = append(os.Environ(), serverVariable+"="+name, "ARGOCD_PLUGINSOCKFILEPATH="+home,
		"ARGOCD_CMP_WORKDIR="+home, "PATH="+filepath.Dir(kustomize)+":"+os.Getenv("PATH"))
	if name == library || name == floor {
		p.command.Env = append(p.command.Env, collector()...)
	}
	p.command.Stderr = os.Stderr
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	if err := p.ready(); err != nil {
		return p, err
	}
	p.watch = newWatch(p.command.Process.Pid)
	return p, nil
}

// freePort is an address that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready returns when the server answers.
func (p *process) ready() error {
	conn, err := grpc.NewClient("unix:"+p.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = protocol.NewConfigManagementPluginServiceClient(conn).CheckPluginConfiguration(context.Background(), &emptypb.Empty{}, grpc.WaitForReady(true))
	return err
}

// stop ends the server and returns the most memory that it has had at once, with its children, in MiB.
func (p *process) stop() (float64, error) {
	peak := p.watch.stop()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	// Argo CD's server says that it was ended by a signal.
	_ = p.command.Wait()
	rusage := p.command.ProcessState.SysUsage().(*syscall.Rusage)
	return max(peak, float64(rusage.Maxrss)/1024), nil
}

// serve is what this program does in the place of a server. Argo CD's is the service of its argocd-cmp-server, without the
// log and the traces around it, which take nothing beside it.
func serve(name, configDir string) error {
	listener, err := net.Listen("unix", filepath.Join(os.Getenv("ARGOCD_PLUGINSOCKFILEPATH"), name+".sock"))
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(100<<20), grpc.MaxSendMsgSize(100<<20))
	if name == floor {
		protocol.RegisterConfigManagementPluginServiceServer(server, drain{})
		return server.Serve(listener)
	}
	config, err := plugin.ReadPluginConfig(configDir)
	if err != nil {
		return err
	}
	service := plugin.NewService(plugin.CMPServerInitConstants{PluginConfig: *config})
	if err := service.Init(common.GetCMPWorkDir()); err != nil {
		return err
	}
	apiclient.RegisterConfigManagementPluginServiceServer(server, service)
	return server.Serve(listener)
}

// drain receives what is sent, and answers with one object.
type drain struct {
	protocol.UnimplementedConfigManagementPluginServiceServer
}

func (drain) CheckPluginConfiguration(context.Context, *emptypb.Empty) (*protocol.CheckPluginConfigurationResponse, error) {
	return &protocol.CheckPluginConfigurationResponse{}, nil
}

func (drain) GenerateManifest(in protocol.ConfigManagementPluginService_GenerateManifestServer) error {
	for {
		switch _, err := in.Recv(); {
		case err == io.EOF:
			return in.SendAndClose(&protocol.ManifestResponse{Manifests: []string{`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`}})
		case err != nil:
			return fmt.Errorf("receiving: %w", err)
		}
	}
}
