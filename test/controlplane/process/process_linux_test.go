package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This test binary is started again as what it tests: as a run that starts servers, and as these servers.
const role = "TIDEGATE_PROCESS_TEST"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "server":
		err = serve(os.Args[1], os.Args[2])
	case "run":
		err = runServers(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// kinds of servers: one that ends when it is asked to, one that does not care, and one that answers nothing any more.
var kinds = []string{"obedient", "stubborn", "frozen"}

// serve listens on a port until it is ended.
func serve(kind, port string) error {
	if kind == "stubborn" {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err == nil {
			err = connection.Close()
		}
		if err != nil {
			return err
		}
	}
}

// servers are what a run has started.
type servers struct {
	PIDs, Ports []int
}

// runServers starts one server of each kind, tells its parent of them, and waits to be interrupted; how says whether it
// stops them then, as the playground does, or just ends, as go test does.
func runServers(how string) error {
	ctx := context.Background()
	if how == "stops" {
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
	}
	ports, err := NewPorts()
	if err != nil {
		return err
	}
	var started servers
	var all []*Process
	for _, kind := range kinds {
		port, err := ports.Take()
		if err != nil {
			return err
		}
		p, err := Start(Spec{
			Name: kind, Path: os.Args[0], Args: []string{kind, fmt.Sprint(port)}, Env: []string{role + "=server"}, Log: filepath.Join(os.Args[2], kind+".log"),
		})
		if err != nil {
			return err
		}
		all = append(all, p)
		started.PIDs, started.Ports = append(started.PIDs, p.PID()), append(started.Ports, port)
	}
	for i, p := range all {
		if err := wait("it listens", func() error { return dial(started.Ports[i]) }); err != nil {
			return errors.Join(err, p.Failed())
		}
		if p.Name == "frozen" {
			p.Freeze()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(started); err != nil {
		return err
	}
	<-ctx.Done()
	for _, p := range all {
		p.Stop(context.Background(), 100*time.Millisecond)
		// Here: the kernel would end it with this process.
		if err := gone(p.PID()); err != nil {
			return fmt.Errorf("%s was stopped: %w", p.Name, err)
		}
	}
	return ports.Close()
}

func dial(port int) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		err = connection.Close()
	}
	return err
}

// wait tries a condition until it holds.
func wait(what string, condition func() error) error {
	timeout := time.After(time.Minute)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-timeout:
			return fmt.Errorf("%s: not within a minute: %w", what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestARunLeavesNoProcessAndNoPort(t *testing.T) {
	for _, c := range []struct {
		name, how string
		signal    os.Signal
		fails     bool
	}{
		{"it is killed", "ends", os.Kill, true},
		{"it is interrupted, and nobody handles it, as in go test", "ends", os.Interrupt, true},
		{"it is interrupted, and stops its servers, as the playground does", "stops", os.Interrupt, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := exec.Command(os.Args[0], c.how, t.TempDir())
			run.Env = append(os.Environ(), role+"=run")
			var complaints bytes.Buffer
			run.Stderr = &complaints
			output, err := run.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			var started servers
			if err := json.NewDecoder(output).Decode(&started); err != nil {
				t.Fatal(errors.Join(err, run.Wait()), &complaints)
			}
			if err := run.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			if err := run.Wait(); (err != nil) != c.fails {
				t.Errorf("it ended with %v\n%s", err, &complaints)
			}
			for i, kind := range kinds {
				if err := wait(kind+" is gone", func() error { return gone(started.PIDs[i]) }); err != nil {
					t.Error(err, syscall.Kill(started.PIDs[i], syscall.SIGKILL))
				}
				if err := wait("the port of "+kind+" is free", func() error { return free(started.Ports[i]) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestASignalReachesNobodyWhoHasGotTheIDOfOneThatEnded(t *testing.T) {
	for what, signal := range map[string]func(*Process){
		"Freeze": (*Process).Freeze, "Kill": (*Process).Kill, "Stop": func(p *Process) { p.Stop(t.Context(), time.Second) },
	} {
		t.Run(what, func(t *testing.T) {
			told := filepath.Join(t.TempDir(), "told")
			ended, other := shell(t, "exit 0"), shell(t, "until [ -e "+told+" ]; do sleep 0.02; done; exit 7")
			defer other.Kill()
			<-ended.done
			// What the kernel does when all of them were given away.
			ended.command.Process.Pid = other.PID()
			signal(ended)
			if err := os.WriteFile(told, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			select {
			case <-other.done:
			case <-time.After(time.Minute):
				t.Fatal("the other process was stopped")
			}
			var exit *exec.ExitError
			if !errors.As(other.err, &exit) || exit.ExitCode() != 7 {
				t.Errorf("the other process did not end as it was told to: %v", other.err)
			}
		})
	}
}

func TestWhatAProcessLeavesBehindEndsWithIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	// A shell that ends at once, while its child has its group.
	parent := shell(t, "sleep 600 & echo $! >"+file)
	<-parent.done
	if parent.err != nil {
		t.Fatal(parent.err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	if err := wait("the child is gone", func() error { return gone(child) }); err != nil {
		t.Error(err, syscall.Kill(child, syscall.SIGKILL))
	}
}

// shell starts a script.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Spec{Name: script, Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// gone is nil when no process has an ID, or one that has ended and whose new parent has not asked how.
func gone(pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	_, state, _ := bytes.Cut(status, []byte(") "))
	if bytes.HasPrefix(state, []byte("Z")) || bytes.HasPrefix(state, []byte("X")) {
		return nil
	}
	return fmt.Errorf("process %d: %s", pid, status)
}

func free(port int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		err = listener.Close()
	}
	return err
}
