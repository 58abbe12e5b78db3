package render

import (
	"bytes"
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

// What the two processes say to each other, as gob: the parent sends one order; then the child asks for files and the
// parent answers, until the child sends its outcome.
type (
	order struct {
		Dir       string
		Overrides Overrides
		Limits    Limits
		Memory    uint64
	}
	ask struct {
		Op, Name string
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
	limit := c.Time
	if limit == 0 {
		limit = defaultChildTime
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(outer, limit)
	defer cancel()
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, executable)
	command.Env = []string{childVariable + "=1", "GOTRACEBACK=none"}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	toChild, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	fromChild, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("starting a process to render %s: %w", request.Dir, err)
	}
	memory := c.Memory
	if memory == 0 {
		memory = defaultChildMemory
	}
	done, talkErr := talk(request, memory, toChild, fromChild)
	cancelled := ctx.Err()
	_ = toChild.Close()
	if done == nil {
		cancel()
	}
	waitErr := command.Wait()
	switch {
	case done != nil && done.Err != "":
		return nil, errors.New(done.Err)
	case done != nil:
		return done.result()
	case errors.Is(outer.Err(), context.DeadlineExceeded):
		return nil, &stoppedError{dir: request.Dir, how: "the time that was left for it is over", cause: outer.Err()}
	case outer.Err() != nil:
		return nil, outer.Err()
	case cancelled != nil:
		return nil, &stoppedError{dir: request.Dir, how: "it took more than " + limit.String()}
	case bytes.Contains(stderr.Bytes(), []byte("out of memory")) || bytes.Contains(stderr.Bytes(), []byte("cannot allocate")):
		return nil, &stoppedError{dir: request.Dir, how: fmt.Sprintf("it needed more than %d MiB of memory", memory>>20)}
	default:
		return nil, &stoppedError{dir: request.Dir, how: fmt.Sprintf("its process ended early (%v, %v): %s",
			talkErr, waitErr, firstLine(stderr.Bytes()))}
	}
}

// talk gives the order and answers what the child asks, until its outcome.
func talk(request Request, memory uint64, to io.Writer, from io.Reader) (*outcome, error) {
	encoder, decoder := gob.NewEncoder(to), gob.NewDecoder(from)
	err := encoder.Encode(order{Dir: request.Dir, Overrides: request.Overrides, Limits: request.Limits, Memory: memory})
	for err == nil {
		var a ask
		if err = decoder.Decode(&a); err != nil {
			break
		}
		if a.Outcome != nil {
			return a.Outcome, nil
		}
		err = encoder.Encode(lookUp(request.Tree, a))
	}
	return nil, err
}

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

func (o *outcome) result() (*Result, error) {
	objects, err := manifest.ParseJSON(o.JSON)
	if err != nil {
		return nil, err
	}
	return &Result{Objects: objects, Namespace: o.Namespace, Warnings: o.Warnings, Files: o.Files}, nil
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return string(line)
}
