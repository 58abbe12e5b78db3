package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// Load says what is asked.
type Load struct {
	Requests, Clients, Services, Commits int
	// Memory is what the server is told to divide, in MiB.
	Memory int
}

// How often, in so many requests.
const (
	oneLeaves   = 10 // a client gives up in the middle of what it sends
	oneHurries  = 10 // a client gives up waiting
	oneIsWhole  = 20 // the whole repository is sent
	oneIsSchema = 50 // a schema of its own makes it a process of its own
)

// deadline is how long a client waits.
const deadline = 2 * time.Minute

// Soak starts the server, puts the load on it and ends it.
func Soak(ctx context.Context, plugin string, load Load) (report *Report, err error) {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	const config = "kind: ConfigManagementPlugin\nmetadata: {name: soak}\nspec: {generate: {command: [tidegate-plugin, render]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	threats, err := threats(load)
	if err != nil {
		return nil, err
	}
	web, err := freePort()
	if err != nil {
		return nil, err
	}
	server := exec.CommandContext(ctx, plugin, "serve", "--http-address="+web, "--loglevel=fatal", "--pprof", "--config-dir-path="+dir, fmt.Sprintf("--memory=%d", load.Memory))
	server.Env = append(os.Environ(), "ARGOCD_PLUGINSOCKFILEPATH="+dir)
	var said bytes.Buffer
	server.Stderr = &said
	if err := server.Start(); err != nil {
		return nil, err
	}
	s := &soak{load: load, repository: newRepository(load.Services, load.Commits), threats: threats, server: server.Process.Pid, web: web}
	if err = s.run(ctx, filepath.Join(dir, "soak.sock")); err == nil {
		s.report.stored, s.report.dropped, err = store(ctx, web)
	}
	if err = errors.Join(err, server.Process.Signal(syscall.SIGTERM), server.Wait()); err != nil {
		return nil, fmt.Errorf("%w; the server's last words:\n%s", err, said.Bytes()[max(0, said.Len()-2000):])
	}
	return &s.report, nil
}

type soak struct {
	load       Load
	repository *repository
	threats    []threat
	server     int    // its process
	web        string // where its metrics are
	next       atomic.Int64
	mutex      sync.Mutex
	report     Report
}

func (s *soak) run(ctx context.Context, socket string) error {
	soon := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(soon))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := protocol.NewConfigManagementPluginServiceClient(conn)
	if _, err := client.CheckPluginConfiguration(ctx, &emptypb.Empty{}, grpc.WaitForReady(true)); err != nil {
		return err
	}
	for i := range s.report.held {
		if err := s.round(ctx, client, s.load.Requests*(i+1)/len(s.report.held)); err != nil {
			return err
		}
		if s.report.held[i], err = held(ctx, s.web); err != nil {
			return err
		}
	}
	return nil
}

// round asks until so many requests have been made, and a hostile tenant attacks meanwhile.
func (s *soak) round(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, until int) error {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	end, attacks := make(chan struct{}), make(chan error, 1)
	go func() {
		err := s.attacks(asking, end, client)
		if err != nil {
			stop()
		}
		attacks <- err
	}()
	errs := make(chan error, s.load.Clients)
	for range s.load.Clients {
		go func() { errs <- s.client(asking, client, until) }()
	}
	var all []error
	for range s.load.Clients {
		all = append(all, <-errs)
	}
	close(end)
	return errors.Join(append(all, <-attacks)...)
}

// client asks until so many requests have been made.
func (s *soak) client(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, until int) error {
	for {
		n := int(s.next.Add(1)) - 1
		if n >= until {
			s.next.Add(-1)
			return nil
		}
		outcome, err := s.ask(ctx, client, n)
		if err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		if err := s.add(outcome); err != nil {
			return err
		}
	}
}

// add reports what became of a request, and how much memory there is in use after it.
func (s *soak) add(o outcome) error {
	memory, err := resident(s.server)
	if err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.report.add(o, memory)
	return nil
}

// ask makes one request and checks its answer.
func (s *soak) ask(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, n int) (outcome, error) {
	lot := rand.New(rand.NewPCG(uint64(n), 1))
	commit := n * s.load.Commits / s.load.Requests
	service := lot.IntN(s.load.Services)
	request, err := s.repository.request(commit, service, lot.IntN(oneIsSchema) == 0, lot.IntN(oneIsWhole) == 0)
	if err != nil {
		return 0, err
	}
	wait := deadline
	leaves, hurries := lot.IntN(oneLeaves) == 0, lot.IntN(oneHurries) == 0
	if hurries {
		wait = time.Duration(lot.IntN(30)) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	manifests, err := send(ctx, client, request, leaves)
	switch code := status.Code(err); {
	case err == nil && !strings.Contains(strings.Join(manifests, ""), request.want):
		return 0, fmt.Errorf("service %d of commit %d: the answer lacks %s: %q", service, commit, request.want, manifests)
	case err == nil:
		return answered, nil
	case leaves, hurries && (code == codes.DeadlineExceeded || code == codes.Canceled || errors.Is(err, context.DeadlineExceeded)):
		return gaveUp, nil
	case request.refused && strings.Contains(err.Error(), "gone.yaml"):
		return refused, nil
	}
	return 0, err
}

// send sends a request, or half of it.
func send(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, r request, half bool) ([]string, error) {
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return nil, err
	}
	messages := r.messages
	if half {
		messages = messages[:len(messages)/2]
	}
	for _, message := range messages {
		if err := stream.Send(message); err != nil {
			// The server's answer says why.
			return nil, errors.Join(err, stream.RecvMsg(&protocol.ManifestResponse{}))
		}
	}
	if half {
		return nil, context.Canceled // and so is the stream, by the caller
	}
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}
