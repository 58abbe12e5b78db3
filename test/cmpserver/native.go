package cmpserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// StartNative runs a program that serves the protocol itself, as the sidecar's entrypoint, until Close, which asks it to
// end and waits for it. The program is found in opts.Path. It returns when the program answers.
func StartNative(ctx context.Context, opts Options, program string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "cmp")
	if err != nil {
		return nil, err
	}
	s := newServer("tidegate", dir)
	command := exec.Command(opts.Path+"/"+program, append(args, "--config-dir-path="+opts.ConfigDir)...)
	command.Env = append(os.Environ(), "PATH="+opts.Path)
	command.Stderr = opts.Log
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, s.clean())
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	s.stop = func() error {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return <-ended
	}
	s.Process = command.Process
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- healthy(ctx, s.Address()) }()
	select {
	case err = <-served:
	case err = <-ended:
		ended <- err
		err = fmt.Errorf("%v ended: %w", command, errors.Join(err, errEnded))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

var errEnded = errors.New("the server does not run")

// healthy returns when the server says that it serves.
func healthy(ctx context.Context, address string) error {
	conn, err := grpc.NewClient("unix:"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	response, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err == nil && response.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("the server is %v", response.Status)
	}
	return err
}
