package render

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// IsChild says whether this process was started by Child.
func IsChild() bool { return os.Getenv(childVariable) != "" }

// ServeChild renders what the parent orders on stdin and answers on stdout. Programs that use New call it first thing
// when IsChild, and exit with the code it returns.
func ServeChild() int {
	Lockdown()
	decoder := gob.NewDecoder(os.Stdin)
	var o order
	if err := decoder.Decode(&o); err != nil {
		return 1
	}
	pipe := &remote{encoder: gob.NewEncoder(os.Stdout), answers: make(chan answer)}
	go pipe.receive(decoder)
	// Only what the process writes to counts, not what the Go runtime reserves.
	limit := syscall.Rlimit{Cur: o.Memory, Max: o.Memory}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return 1
	}
	debug.SetMemoryLimit(childHeap(o.Memory))
	// The schema stays kustomize's own: this process renders once, and `openapi:` may build upon it.
	renderer := InProcess{isolated: true}
	result, err := renderer.Render(context.Background(), Request{Tree: pipe, Dir: o.Dir, Overrides: o.Overrides, Limits: o.Limits})
	out := &outcome{}
	if err == nil {
		out.Namespace, out.Warnings, out.Files = result.Namespace, result.Warnings, result.Files
		out.JSON, err = json.Marshal(result.Objects)
	}
	if limit := o.Limits.orDefaults().Output; len(out.JSON) > limit {
		out.JSON, err = nil, fmt.Errorf("%s: it renders to more than %d bytes", o.Dir, limit)
	}
	if err == nil {
		err = pipe.room(roomFor(out.JSON))
	}
	if err != nil {
		out.Err = err.Error()
	}
	if pipe.encoder.Encode(ask{Outcome: out}) != nil {
		return 1
	}
	return 0
}

// childHeap is where a child of so much data collects without a pause. Go knows nothing of the limit of its data: without
// one of its own it lets garbage take as much as what is in use does, and dies of it. What counts are whole arenas, of
// which it begins another when the last is full (runtime/malloc.go, heapArenaBytes); the rest of its data is not the heap's.
func childHeap(data uint64) int64 {
	const arena, others, margin = 64 << 20, 32 << 20, 8 << 20
	if data < arena+others {
		return math.MaxInt64 // it dies in any case
	}
	return int64(min(data-others, 1<<40)/arena*arena) - margin
}

// remote is the parent's tree, seen from the child.
type remote struct {
	encoder *gob.Encoder
	answers chan answer
}

// receive waits for answers at all times, because a parent that is gone must end this process in the middle of a render.
func (r *remote) receive(decoder *gob.Decoder) {
	for {
		var a answer
		if decoder.Decode(&a) != nil {
			os.Exit(1)
		}
		r.answers <- a
	}
}

func (r *remote) ask(op, name string) (answer, error) {
	if err := r.encoder.Encode(ask{Op: op, Name: name}); err != nil {
		return answer{}, err
	}
	a := <-r.answers
	switch {
	case a.Missing:
		return a, missingError(a.Err)
	case a.Err != "":
		return a, errors.New(a.Err)
	}
	return a, nil
}

// room waits until the parent has room for the outcome.
func (r *remote) room(bytes int64) error {
	if err := r.encoder.Encode(ask{Op: opRoom, Room: bytes}); err != nil {
		return err
	}
	<-r.answers
	return nil
}

func (r *remote) Lstat(name string) (fs.FileInfo, error) {
	a, err := r.ask("lstat", name)
	return a.Info, err
}

func (r *remote) ReadLink(name string) (string, error) {
	a, err := r.ask("readlink", name)
	return a.Link, err
}

func (r *remote) ReadFile(name string) ([]byte, error) {
	a, err := r.ask("readfile", name)
	return a.Bytes, err
}

// missingError is an error of the parent's tree that says that there is no such file.
type missingError string

func (e missingError) Error() string        { return string(e) }
func (e missingError) Is(target error) bool { return target == fs.ErrNotExist }

// fileInfo is an fs.FileInfo that can be sent.
type fileInfo struct {
	Base  string
	Bytes int64
	Bits  fs.FileMode
}

func describe(info fs.FileInfo) fileInfo {
	return fileInfo{Base: info.Name(), Bytes: info.Size(), Bits: info.Mode()}
}

func (i fileInfo) Name() string       { return i.Base }
func (i fileInfo) Size() int64        { return i.Bytes }
func (i fileInfo) Mode() fs.FileMode  { return i.Bits }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.Bits.IsDir() }
func (i fileInfo) Sys() any           { return nil }
