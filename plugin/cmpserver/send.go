package cmpserver

import (
	"context"
	"sync"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// smallAnswer is how many bytes an answer may have that is sent at once: as much as gRPC writes at a time.
const smallAnswer = 64 << 10

// roomToSend waits in turn for the memory of an answer, which it has until it is written: the Applications of one overlay on many
// clusters get their answers at the same moment. One that is larger than there is memory for takes all of it, and what is small
// takes none: then written is nil.
func (s *Server) roomToSend(ctx context.Context, request *received, documents []string) (written func(), err error) {
	size := int64(0)
	for _, document := range documents {
		size += int64(len(document))
	}
	if size <= smallAnswer {
		return nil, nil
	}
	tenant, size := request.asker().tenant, min(size, s.budget.Streams)
	if err := s.streams.acquire(ctx, tenant, size); err != nil {
		return nil, inVain(err, request, rendered)
	}
	// gRPC says when it has written an answer, but not if the connection has ended before. Nobody reads after the client's deadline,
	// which is a grace after ours.
	release := sync.OnceFunc(func() { s.streams.release(tenant, size) })
	deadline, _ := ctx.Deadline() // begin has seen to it
	late := time.AfterFunc(time.Until(deadline)+maxGrace+time.Second, release)
	early := func() {
		late.Stop()
		release()
	}
	forget := whenDisconnected(ctx, early)
	return func() {
		forget()
		early()
	}, nil
}

// send answers.
func send(in protocol.ConfigManagementPluginService_GenerateManifestServer, response *protocol.ManifestResponse, written func()) error {
	if written == nil {
		return in.SendAndClose(response)
	}
	err := in.SendMsg(&protocol.Outgoing{ManifestResponse: response, Written: written})
	if err != nil {
		written()
	}
	return err
}
