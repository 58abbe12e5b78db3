package cmpserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// stream is what the three streaming calls have in common.
type stream interface {
	Context() context.Context
	RecvMsg(message any) error
}

// received is a stream that has been received to its end; after an error, as far as it is known.
type received struct {
	*protocol.ManifestRequestMetadata
	// archive is nil where the stream was only to be received, and where its tree is known.
	archive []byte
	tree    *archive.Tree
	// begun is when the first message had come.
	begun time.Time
	// free gives back the memory that was set aside for the archive or for its tree. Others use that of the archive then.
	free func()
}

// hold keeps what free gives back until release is called as well.
func (r *received) hold() (release func()) {
	var left atomic.Int32
	left.Store(2)
	free := r.free
	drop := func() {
		if left.Add(-1) == 0 {
			free()
		}
	}
	r.free = sync.OnceFunc(drop)
	return sync.OnceFunc(drop)
}

// asker is who takes turns with others: a tenant, whose repository it is, and its Application. Argo CD sets both, whatever
// an Application asks for.
type asker struct{ tenant, app string }

func (r *received) asker() (by asker) {
	for _, e := range r.GetEnv() {
		switch e.GetName() {
		case "ARGOCD_APP_SOURCE_REPO_URL":
			by.tenant = e.GetValue()
		case "ARGOCD_APP_NAME":
			by.app = e.GetValue()
		}
	}
	return by
}

// receiver receives one stream.
type receiver struct {
	server  *Server
	stream  stream
	message protocol.Incoming
	hash    hash.Hash
	size    int64
	// keep is where the archive goes, and nil where it is only to be received.
	keep *bytes.Buffer
	// progress counts messages, and waiting is set while it is not the client that is waited for: for whoever watches
	// that the client does not stall.
	progress atomic.Int64
	waiting  atomic.Bool
	// known is what the first message says, once it has come, which it had when begun says.
	known atomic.Pointer[protocol.ManifestRequestMetadata]
	begun time.Time
}

// receive receives a stream to its end, whatever is wrong with it: Argo CD's client shows nothing but "EOF" if it is
// answered before it has sent everything. The archive is kept if want says so and its tree is not known yet. A client
// that sends nothing for a while is given up, and so is everything when the context ends.
func (s *Server) receive(ctx context.Context, in stream, want bool) (*received, error) {
	r := &receiver{server: s, stream: in, hash: sha256.New()}
	r.message.Take = r.take
	type outcome struct {
		*received
		error
	}
	done, gone := make(chan outcome), make(chan struct{})
	stalled, stop := r.stalls(gone)
	defer stop()
	defer close(gone)
	go func() {
		request, err := r.run(ctx, want)
		select {
		case done <- outcome{request, err}:
		case <-gone: // and with it whoever would free the memory
			if err == nil {
				request.free()
			}
		}
	}()
	select {
	case o := <-done:
		return o.received, o.error
	case <-ctx.Done():
		return r.soFar(), r.late(ctx)
	case <-stalled:
		return r.soFar(), &refusal{reason: "stalled", text: fmt.Sprintf("Argo CD sent nothing for %v", s.options.Stall)}
	}
}

// stalls watches the client until stop is called, after gone is closed. stalled is closed when it has sent nothing for a while,
// though nothing kept it waiting. Argo CD's client opens the stream before it packs what it sends (argo-cd reposerver/repository,
// generateManifestsCMP), so for the first message it has until its deadline, if there is one.
func (r *receiver) stalls(gone <-chan struct{}) (_ <-chan struct{}, stop func() bool) {
	_, hasDeadline := r.stream.Context().Deadline()
	stalled, last, every := make(chan struct{}), int64(-1), r.server.options.Stall
	var timer *time.Timer
	timer = time.AfterFunc(math.MaxInt64, func() {
		waiting, now := r.waiting.Load(), r.progress.Load() // in this order: when a wait ends, there is progress first
		packing := hasDeadline && now <= 1
		if now == last && !waiting && !packing {
			close(stalled)
			return
		}
		last = now
		timer.Reset(every)
		select {
		case <-gone: // stop may have come before
			timer.Stop()
		default:
		}
	})
	timer.Reset(every) // now that the function knows of it
	return stalled, timer.Stop
}

// soFar is what is known of a request that is given up.
func (r *receiver) soFar() *received { return &received{ManifestRequestMetadata: r.known.Load()} }

// late says why a request was not received when its context ended.
func (r *receiver) late(ctx context.Context) error {
	switch err := ctx.Err(); {
	case r.waiting.Load():
		return noRoom(err)
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{reason: "slow", text: "Argo CD had not sent everything when the time for the request was over; have it send less: " +
			"leave out .git (reposerver.plugin.tar.exclusions), and name what the Application needs in its annotation " +
			"argocd.argoproj.io/manifest-generate-paths"}
	default:
		return err
	}
}

// run receives. A mistake in the program becomes an error: nobody else recovers in a goroutine of ours, and the other
// requests shall not end with this one.
func (r *receiver) run(ctx context.Context, want bool) (result *received, err error) {
	request := &received{free: func() {}}
	defer func() {
		if p := recover(); p != nil {
			err = &generate.PanicError{Dir: "what Argo CD sent", Value: p, Stack: debug.Stack()}
		}
		if err != nil {
			request.free()
			result = r.soFar()
		}
	}()
	request.ManifestRequestMetadata, err = r.metadata()
	request.begun = r.begun
	if err == nil && want {
		err = r.room(ctx, request)
	}
	err = r.body(err)
	r.server.metrics.received(r.size)
	if err == nil {
		err = r.verify(request.ManifestRequestMetadata)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case r.keep != nil:
		request.archive = slices.Clip(r.keep.Bytes())
	case request.tree != nil:
		r.server.trees.from.checksum.Add(1)
	}
	return request, nil
}

// room sets memory aside: for the tree, if it is known already, or for the archive that is to come.
func (r *receiver) room(ctx context.Context, request *received) (err error) {
	if request.Size > r.server.budget.Streams {
		return r.tooLarge(request.Size)
	}
	ctx, cancel := withTimeToReceive(ctx, request.Size)
	defer cancel()
	by := request.asker()
	var free func()
	if request.tree = r.server.trees.byChecksum(request.Checksum); request.tree != nil {
		free, err = r.hold(ctx, request.tree, by)
	} else {
		var reuse func()
		r.keep, reuse, err = r.reserve(ctx, request.Size, by.tenant)
		free = func() {
			request.archive = nil
			reuse()
		}
	}
	if err == nil {
		request.free = free
	}
	return err
}

// bytesPerSecond is how fast an archive comes at least, over a socket and through a checksum.
const bytesPerSecond = 50 << 20

// withTimeToReceive ends early enough for so many bytes to come after it: whoever waited for memory in vain is told so, and
// Argo CD's client shows what it is told only if all has been received. It takes no more than half of the time that is left.
func withTimeToReceive(ctx context.Context, size int64) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline() // begin has seen to it
	needs := max(time.Second, time.Duration(size/bytesPerSecond)*time.Second)
	return context.WithDeadline(ctx, deadline.Add(-min(needs, time.Until(deadline)/2)))
}

func (r *receiver) tooLarge(size int64) error {
	const mib = 1 << 20
	return &refusal{reason: "too large", text: fmt.Sprintf("Argo CD sent an archive of %d MiB, and this server's memory has "+
		"room for %d; send less: leave out .git (reposerver.plugin.tar.exclusions), and name what the Application needs in its "+
		"annotation argocd.argoproj.io/manifest-generate-paths; or raise the memory limit of the plugin's container to %d MiB",
		up(size, mib), r.server.budget.Streams/mib, up(MemoryFor(size), mib))}
}

// up divides and rounds up.
func up(n, by int64) int64 { return n/by + min(n%by, 1) }

// metadata receives the first message.
func (r *receiver) metadata() (*protocol.ManifestRequestMetadata, error) {
	switch err := r.next(); {
	case errors.Is(err, io.EOF):
		return nil, &refusal{reason: "protocol", text: "Argo CD sent nothing"}
	case err != nil:
		return nil, err
	}
	r.begun = time.Now()
	metadata := r.message.GetMetadata()
	r.known.Store(metadata)
	switch {
	case r.message.Took, metadata == nil:
		return nil, &refusal{reason: "protocol", text: "Argo CD sent an archive without saying what it is"}
	case metadata.Size < 0:
		return nil, &refusal{reason: "protocol", text: "Argo CD announced an archive of a negative size"}
	}
	return metadata, nil
}

// body receives the archive. After an error it goes on receiving and keeps nothing.
func (r *receiver) body(failed error) error {
	for {
		err := r.next()
		if errors.Is(err, io.EOF) {
			return failed
		}
		if err != nil {
			return errors.Join(failed, err)
		}
		if r.message.Took {
			continue
		}
		file := r.message.GetFile()
		if file == nil && failed == nil {
			failed = &refusal{reason: "protocol", text: "Argo CD sent something else in the middle of an archive"}
			r.keep = nil
		}
		r.take(file.GetChunk())
	}
}

// take takes a part of the archive, which is valid only until it returns.
func (r *receiver) take(part []byte) {
	r.hash.Write(part)
	r.size += int64(len(part))
	if r.keep != nil && r.keep.Len()+len(part) <= r.keep.Cap() {
		r.keep.Write(part)
	}
}

// verify compares what has come with what was announced. Only then the checksum means anything.
func (r *receiver) verify(metadata *protocol.ManifestRequestMetadata) error {
	if r.size != metadata.Size {
		return &refusal{reason: "size", text: fmt.Sprintf("Argo CD announced %d bytes and sent %d", metadata.Size, r.size)}
	}
	if hex.EncodeToString(r.hash.Sum(nil)) != metadata.Checksum {
		return &refusal{reason: "checksum", text: "what has come is not what Argo CD announced: the checksum differs"}
	}
	return nil
}

func (r *receiver) next() error {
	r.progress.Add(1)
	r.message.Took = false
	return r.stream.RecvMsg(&r.message)
}

// wait stops the watch for a stalling client until end is called. If the wait was in vain the watch stays off, so that the
// request fails for want of room and not because the client stalled.
func (r *receiver) wait() (end func(*error)) {
	r.waiting.Store(true)
	return func(err *error) {
		if waitedInVain(*err) {
			return
		}
		r.progress.Add(1) // the client's time begins now
		r.waiting.Store(false)
	}
}

func waitedInVain(err error) bool {
	return errors.Is(err, errNoRoom) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// hold keeps room for a tree that is known, and waits for it in turn.
func (r *receiver) hold(ctx context.Context, tree *archive.Tree, by asker) (release func(), err error) {
	defer r.wait()(&err)
	return r.server.trees.hold(ctx, tree, by)
}

// reserve makes room for an archive, and waits in turn for the memory.
func (r *receiver) reserve(ctx context.Context, size int64, tenant string) (room *bytes.Buffer, free func(), err error) {
	defer r.wait()(&err)
	taken := bufferBytes(size)
	if taken > r.server.budget.Streams {
		taken = size
	}
	if err = r.server.streams.acquire(ctx, tenant, taken); err != nil {
		return nil, nil, err
	}
	room, reuse := newBuffer(taken)
	return room, sync.OnceFunc(func() {
		reuse()
		r.server.streams.release(tenant, taken)
	}), nil
}
