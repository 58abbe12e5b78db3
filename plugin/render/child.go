package render

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/tidegate/tidegate/plugin/manifest"
)

const (
	// childVariable makes a program serve one render instead of what it is asked on its command line.
	childVariable = "TIDEGATE_RENDER_CHILD"
	// defaultChildMemory is how much data a child may hold, in bytes.
	defaultChildMemory = 1 << 30
	// defaultChildTime is how long a child may run.
	defaultChildTime = 30 * time.Second
)

// Child renders in a process of its own, a copy of this executable, that sees no file but those it asks for over a pipe,
// and is killed when its time is over.
type Child struct {
	// Memory limits the child's data, in bytes; 0 means 1 GiB.
	Memory uint64
	// Time limits how long it runs; 0 means 30 seconds. The context's deadline counts too.
	Time time.Duration
	// Answers is where its answer takes room in this process. Nil: there is no limit to it.
	Answers *Memory
}

// stoppedError says that a child ended without an answer.
type stoppedError struct {
	dir, how, reason string
	cause            error // the context's, if that stopped it
}

func (e *stoppedError) Unwrap() error { return e.cause }

func (e *stoppedError) Error() string {
	text := e.dir + ": rendering was stopped, " + e.how
	if e.reason != "" {
		text += "; " + e.reason
	}
	return text
}

// What the two processes say to each other, as gob: the parent sends one order; then the child asks for files, and at the end
// for the room that its outcome takes, and the parent answers, until the child sends its outcome.
type (
	order struct {
		Dir       string
		Overrides Overrides
		Limits    Limits
		Memory    uint64
	}
	ask struct {
		Op, Name string
		Room     int64
		Outcome  *outcome
	}
	answer struct {
		Bytes   []byte
		Link    string
		Info    fileInfo
		Err     string
		Missing bool
	}
	outcome struct {
		JSON      []byte
		Namespace string
		Warnings  []string
		Files     []string
		Err       string
	}
)

// Render starts a child and serves it the tree until it answers.
func (c Child) Render(ctx context.Context, request Request) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.Time, c.Memory = cmp.Or(c.Time, defaultChildTime), cmp.Or(c.Memory, defaultChildMemory)
	limited, cancel := context.WithTimeout(ctx, c.Time)
	defer cancel()
	process, err := start(limited)
	if err != nil {
		if limited.Err() != nil {
			return nil, c.timeOver(ctx, request.Dir, "")
		}
		return nil, fmt.Errorf("starting a process to render %s: %w", request.Dir, err)
	}
	talk := talk{Request: request, memory: c.Memory, answers: c.Answers, leave: func() {}}
	done, talkErr := talk.with(limited, process)
	timeOver := limited.Err() != nil
	if done == nil {
		cancel()
	}
	waitErr := process.end()
	if done != nil {
		return done.result(manifest.ParseJSON, talk.leave)
	}
	talk.leave()
	var noRoom *noRoomError
	switch {
	case errors.As(talkErr, &noRoom):
		return nil, noRoom
	case timeOver && talk.waits:
		return nil, c.timeOver(ctx, request.Dir, "it was finished and waited for memory that other renders hold; raise the memory limit of its container")
	case timeOver:
		return nil, c.timeOver(ctx, request.Dir, "")
	case process.outOfMemory():
		return nil, &stoppedError{dir: request.Dir, how: fmt.Sprintf("it needed more than %d MiB of memory", c.Memory>>20)}
	}
	return nil, &stoppedError{dir: request.Dir, how: fmt.Sprintf("its process ended early (%v, %v): %s",
		talkErr, waitErr, firstLine(process.stderr.Bytes()))}
}

// timeOver says whose limit ended a render, the caller's or the child's own; or what else it was that took the time.
func (c Child) timeOver(ctx context.Context, dir, instead string) error {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return &stoppedError{dir: dir, how: cmp.Or(instead, "the time that was left for it is over"), cause: err}
	case err != nil:
		return err
	}
	return &stoppedError{dir: dir, how: cmp.Or(instead, "it took more than "+c.Time.String())}
}

// process is a running child.
type process struct {
	command *exec.Cmd
	to      io.WriteCloser
	from    io.ReadCloser
	stderr  bytes.Buffer
}

// start runs this executable as a child that is killed with the context.
func start(ctx context.Context) (*process, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, executable)}
	p.command.Env = []string{childVariable + "=1", "GOTRACEBACK=none"}
	p.command.Stderr = &p.stderr
	if p.to, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if p.from, err = p.command.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// end waits for a child that has answered or was killed.
func (p *process) end() error {
	p.to.Close()
	return p.command.Wait()
}

// outOfMemory says whether the Go runtime of the child gave up for want of memory. Where the runtime itself is refused some, it
// may crash instead: what our code does wrong is a panic, and says so before anything else. In a program that is linked with C, it is
// the stack of a new thread that there may be no memory for.
func (p *process) outOfMemory() bool {
	said := p.stderr.Bytes()
	return bytes.Contains(said, []byte("out of memory")) || bytes.Contains(said, []byte("cannot allocate")) ||
		bytes.HasPrefix(said, []byte("runtime/cgo: pthread_create failed: Resource temporarily unavailable")) ||
		bytes.HasPrefix(said, []byte("SIGSEGV")) || bytes.HasPrefix(said, []byte("fatal error: unexpected signal"))
}

// talk is what the parent says to a child.
type talk struct {
	Request
	memory  uint64
	answers *Memory
	// room is what the child has asked for, once, and leave gives it back.
	room  int64
	leave func()
	// waits says that the child waits for it.
	waits bool
}

// with gives the order and answers what the child asks, until its outcome.
func (t *talk) with(ctx context.Context, child *process) (*outcome, error) {
	encoder, decoder := gob.NewEncoder(child.to), gob.NewDecoder(child.from)
	err := encoder.Encode(order{Dir: t.Dir, Overrides: t.Overrides, Limits: t.Limits, Memory: t.memory})
	for err == nil {
		var a ask
		if err = decoder.Decode(&a); err != nil {
			break
		}
		if a.Outcome != nil {
			return t.accept(a.Outcome)
		}
		said := answer{}
		if a.Op != opRoom {
			said = lookUp(t.Tree, a)
		} else if err = t.admit(ctx, a.Room); err != nil {
			break
		}
		err = encoder.Encode(said)
	}
	return nil, err
}

// admit waits for the room that the child asks for, which it does once. The room of a second time would be given back by
// nobody, and a negative one would be the room of others.
func (t *talk) admit(ctx context.Context, room int64) (err error) {
	if t.room != 0 || room <= 0 {
		return fmt.Errorf("it asked for room of %d bytes, after %d", room, t.room)
	}
	t.room, t.waits = room, true
	if t.leave, err = t.answers.admit(ctx, t.Dir, room); err == nil {
		t.waits = false
	}
	return err
}

// accept refuses an outcome that takes more than the room that it asked for.
func (t *talk) accept(done *outcome) (*outcome, error) {
	if len(done.JSON) > 0 {
		if room := roomFor(done.JSON); room > t.room {
			return nil, fmt.Errorf("what it sent takes %d bytes, and it asked for room of %d", room, t.room)
		}
	}
	return done, nil
}

// opRoom is what a child asks for before it sends its outcome, which may be large.
const opRoom = "room"

func lookUp(tree Tree, a ask) answer {
	var out answer
	var err error
	switch a.Op {
	case "lstat":
		var info fs.FileInfo
		if info, err = tree.Lstat(a.Name); err == nil {
			out.Info = describe(info)
		}
	case "readlink":
		out.Link, err = tree.ReadLink(a.Name)
	case "readfile":
		out.Bytes, err = tree.ReadFile(a.Name)
	default:
		err = fmt.Errorf("unknown request %q", a.Op)
	}
	if err != nil {
		out.Err, out.Missing = err.Error(), missing(err)
	}
	return out
}

// result is what a child has rendered, in room that is given back when it is done with; at once, if there is no result,
// whatever the reason.
func (o *outcome) result(parse func(json []byte) ([]manifest.Object, error), leave func()) (result *Result, err error) {
	defer func() {
		if result == nil {
			leave()
		}
	}()
	if o.Err != "" {
		return nil, errors.New(o.Err)
	}
	objects, err := parse(o.JSON)
	if err != nil {
		return nil, err
	}
	return &Result{Objects: objects, Namespace: o.Namespace, Warnings: o.Warnings, Files: o.Files, leave: leave}, nil
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return string(line)
}
