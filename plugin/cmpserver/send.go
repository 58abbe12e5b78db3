package cmpserver

import (
	"context"
	"sync"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// smallAnswer is how many bytes an answer may have that is sent at once: as much as gRPC writes at a time.
const smallAnswer = 64 << 10

// send answers. What is large waits for memory in turn, and has it until gRPC has written it: the Applications of one overlay
// on many clusters get their answers at the same moment. An answer that is larger than there is memory for takes all of it.
func (s *Server) send(ctx context.Context, in protocol.ConfigManagementPluginService_GenerateManifestServer, request *received, documents []string) error {
	response := &protocol.ManifestResponse{Manifests: documents}
	size := int64(0)
	for _, document := range documents {
		size += int64(len(document))
	}
	if size <= smallAnswer {
		return in.SendAndClose(response)
	}
	tenant, size := request.asker().tenant, min(size, s.budget.Streams)
	if err := s.streams.acquire(ctx, tenant, size); err != nil {
		return answer(err, request.GetAppRelPath())
	}
	release := sync.OnceFunc(func() { s.streams.release(tenant, size) })
	// gRPC says when it has written an answer, and throws away one whose client is gone: should it ever not say so, the memory
	// is not lost.
	late := time.AfterFunc(s.options.Time, release)
	written := func() {
		late.Stop()
		release()
	}
	err := in.SendMsg(&protocol.Outgoing{ManifestResponse: response, Written: written})
	if err != nil {
		written()
	}
	return err
}
