//go:build e2e && linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/process"
)

// started is set where this test binary is the playground.
const started = "TIDEGATE_PLAYGROUND"

func TestMain(m *testing.M) {
	if os.Getenv(started) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTheFirstHalfHour runs what the playground tells people to try, as it stands there, and then presses Ctrl-C.
func TestTheFirstHalfHour(t *testing.T) {
	p := open(t)
	for _, line := range p.commands() {
		p.try(line)
	}
	for _, promise := range promises {
		if !p.tried[promise.command] {
			t.Errorf("nobody is told to try %q", promise.command)
		}
	}
	p.interrupt()
}

// TestNothingStaysOfAPlaygroundThatIsInterruptedWhileItStarts presses Ctrl-C before there is anything to try.
func TestNothingStaysOfAPlaygroundThatIsInterruptedWhileItStarts(t *testing.T) {
	p, _ := launch(t)
	p.untilSays("starting Argo CD\n")
	folders, err := filepath.Glob(filepath.Join(p.temporary, "*"))
	p.must(err)
	if len(folders) == 0 {
		t.Errorf("nothing is in %s while it starts", p.temporary)
	}
	all, sockets := p.running()
	p.ends()
	p.untilNothingIsLeft(all, sockets)
	if folders, err = filepath.Glob(filepath.Join(p.temporary, "*")); err != nil || len(folders) > 0 {
		p.Errorf("%v are left: %v", folders, err)
	}
}

// TestNothingOutlivesAPlaygroundThatIsKilled kills one that cannot end its servers any more.
func TestNothingOutlivesAPlaygroundThatIsKilled(t *testing.T) {
	p := open(t)
	all, sockets := p.everything()
	p.must(p.Process.Kill())
	err := p.Wait()
	if status, ok := p.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("the playground has ended by itself: %v", err)
	}
	p.untilNothingIsLeft(all, sockets)
}

// promise is what somebody sees, sooner or later, who runs a command.
type promise struct {
	// command is words of it.
	command string
	// shows are regular expressions for what it prints.
	shows []string
	// look is another command that shows what came of it, and then is what it prints then.
	look, then string
}

var promises = []promise{
	{command: "get applications", shows: []string{`payments-api-staging +Synced +Healthy`, `payments-api-production +OutOfSync`}},
	{command: "get deployments,hpa,pods", shows: []string{`deployment.apps/payments-api +2/2`, `autoscaling/payments-api`, `pod/payments-api-.* Running`}},
	{
		command: "git push",
		look:    `kubectl get pods --namespace payments-staging --selector app=payments-api --output jsonpath='{.items[*].spec.containers[*].image}'`,
		then:    `^(\S*:sha-0000001 ?)+$`,
	},
	{command: "get pods", shows: []string{`payments-api-.* 1/1 +Running`}},
	{command: "patch application", shows: []string{`patched`}},
	{command: "get deployments,pdb", shows: []string{`deployment.apps/payments-api +5/5`, `poddisruptionbudget.policy/payments-api`}},
	{command: "tidegate plan", shows: []string{`^Wave 0 `, `Deployment.apps +payments-api`}},
	{command: "get application payments-api-staging", shows: []string{`payments-api`}},
	{command: "tidegate why", shows: []string{`services/payments-api/overlays/production is in the repository`}},
	{command: "production tier-", shows: []string{`unlabeled`}},
	{command: "get events", shows: []string{`RemovalHeld`}, look: `kubectl get applications`, then: `payments-api-production`},
	{command: "production tier=", shows: []string{`labeled`}},
	{
		command: "scale deployment", shows: []string{`scaled`},
		look: `kubectl get deployment payments-api --namespace payments-staging --output jsonpath='{.status.readyReplicas}'`, then: `^3$`,
	},
	{
		// What was scaled is as it was then, after Argo CD has repaired something else of the same Application.
		command: "label service", shows: []string{`labeled`},
		look: `kubectl get service,deployment payments-api --namespace payments-staging --output jsonpath='{.items[0].metadata.labels.app} {.items[1].spec.replicas}'`,
		then: `^payments-api 3$`,
	},
}

// patience is how long a test waits for anything, on a machine that does a lot else. The first command waits for Argo CD to have
// installed the example.
const patience = 5 * time.Minute

// playground is one that runs.
type playground struct {
	*testing.T
	*exec.Cmd
	instructions string
	// setting is what the person's shell has been told before.
	setting string
	tried   map[string]bool
	// log is the file of what it says of what it does.
	log string
	// temporary is its folder for temporary files.
	temporary string
}

// launch starts a playground.
func launch(t *testing.T) (p *playground, output io.Reader) {
	t.Helper()
	temporary, err := os.MkdirTemp("", "") // the path of a socket must be short
	p = &playground{
		T: t, Cmd: exec.Command(os.Args[0]), tried: map[string]bool{}, temporary: temporary, log: filepath.Join(t.TempDir(), "log"),
	}
	p.must(err)
	log, err := os.Create(p.log)
	p.must(err)
	p.Env = append(os.Environ(), started+"=1", "TMPDIR="+temporary)
	p.Stderr = log
	output, err = p.StdoutPipe()
	p.must(err)
	p.must(errors.Join(process.StartWith(p.Cmd, syscall.SIGTERM), log.Close())) // it ends also if go test just ends this
	t.Cleanup(p.end)
	return p, output
}

// printed is what it has said until now of what it does.
func (p *playground) printed() string {
	p.Helper()
	said, err := os.ReadFile(p.log)
	p.must(err)
	return string(said)
}

// open starts a playground, and waits until it has said what to try.
func open(t *testing.T) *playground {
	t.Helper()
	p, output := launch(t)
	for lines := bufio.NewReader(output); !strings.Contains(p.instructions, "Ctrl-C ends everything."); {
		line, err := lines.ReadString('\n')
		p.instructions += line
		if err != nil {
			t.Fatal(errors.Join(err, p.Wait()), p.printed())
		}
	}
	return p
}

// end kills a playground that a test has left, and shows what it said. What it has written stays then.
func (p *playground) end() {
	if p.ProcessState != nil {
		p.must(os.RemoveAll(p.temporary))
		return
	}
	err := errors.Join(p.Process.Kill(), p.Wait())
	p.Logf("%s%s%v; its logs stay for a while", p.printed(), p.instructions, err)
}

func (p *playground) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// commands are the lines that can be pasted into a shell.
func (p *playground) commands() []string {
	var out []string
	for _, line := range strings.Split(p.instructions, "\n") {
		if command, indented := strings.CutPrefix(line, "  "); indented {
			out = append(out, command)
		}
	}
	return out
}

// try runs a command as a person does who has patience: again, until it shows what was promised.
func (p *playground) try(command string) {
	p.Helper()
	if strings.HasPrefix(command, "export ") || strings.HasPrefix(command, "cd ") {
		p.setting += command + "\n"
		return
	}
	command = strings.TrimSuffix(command, " --watch")
	for _, promise := range promises {
		if strings.Contains(command, promise.command) {
			p.tried[promise.command] = true
			p.until(command, promise.shows...)
			if promise.look != "" {
				p.until(promise.look, promise.then)
			}
			return
		}
	}
	p.until(command)
}

// until runs a command until it shows something.
func (p *playground) until(command string, wants ...string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	p.must(controlplane.Until(ctx, command, func(ctx context.Context) error {
		shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", p.setting+command)
		output, err := shell.CombinedOutput()
		for _, want := range wants {
			if err == nil && !regexp.MustCompile("(?m)"+want).Match(output) {
				err = fmt.Errorf("%q is not there", want)
			}
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, output)
		}
		return err
	}))
}

// untilSays waits until the playground has said something of what it does.
func (p *playground) untilSays(text string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	p.must(controlplane.Until(ctx, "the playground says "+text, func(context.Context) error {
		if said := p.printed(); !strings.Contains(said, text) {
			return fmt.Errorf("it has said %q", said)
		}
		return nil
	}))
}

// ends presses Ctrl-C, and waits for the end.
func (p *playground) ends() {
	p.Helper()
	p.must(p.Process.Signal(os.Interrupt))
	defer time.AfterFunc(patience, func() { _ = p.Process.Kill() }).Stop() // it may be gone
	if err := p.Wait(); err != nil {
		p.Error(err, p.printed())
	}
}

// interrupt presses Ctrl-C, and looks for what is left.
func (p *playground) interrupt() {
	p.Helper()
	all, sockets := p.everything()
	logs := regexp.MustCompile(`logs are in (\S+)\.\n`).FindStringSubmatch(p.instructions)
	if logs == nil {
		p.Fatal("nobody is told where the logs are: ", p.instructions)
	}
	folder := filepath.Dir(logs[1])
	p.ends()
	// What these have started may take a moment longer.
	running, err := stillRunning(all)
	p.must(err)
	for _, left := range running {
		if left.parent == p.Process.Pid {
			p.Errorf("%v is left", left)
		}
	}
	p.untilNothingIsLeft(all, sockets)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		p.Errorf("%s is left: %v", folder, err)
	}
}
