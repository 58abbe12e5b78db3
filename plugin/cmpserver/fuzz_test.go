package cmpserver_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// fuzzStream gives the messages of a request, and takes the answer.
type fuzzStream struct {
	grpc.ServerStream
	ctx      context.Context
	messages [][]byte
	answers  int
}

func (s *fuzzStream) Context() context.Context { return s.ctx }
func (s *fuzzStream) SendMsg(any) error        { s.answers++; return nil }
func (s *fuzzStream) RecvMsg(message any) error {
	if len(s.messages) == 0 {
		return io.EOF
	}
	next := s.messages[0]
	s.messages = s.messages[1:]
	return proto.Unmarshal(next, message.(proto.Message))
}

// FuzzProtocol looks for a sequence of messages that is answered neither with manifests nor with an error, or before it
// has been received. Each message but the last is cut off by its length, one byte.
func FuzzProtocol(f *testing.F) {
	for _, r := range []request{ask("app", pack(f, service), region), ask("../..", noise[:100]), nil, {chunk(noise[:10])}} {
		var seed []byte
		for _, message := range r {
			content, err := proto.Marshal(message)
			if err != nil {
				f.Fatal(err)
			}
			seed = append(append(seed, byte(min(len(content), 255))), content...)
		}
		f.Add(seed)
	}
	server := cmpserver.New(cmpserver.Options{
		Settings: settings, Budget: cmpserver.Budget{Store: 1 << 20, Streams: 1 << 20, Tree: 1 << 20, Child: 1 << 28, Children: 1},
	})
	f.Fuzz(func(t *testing.T, content []byte) {
		stream := &fuzzStream{ctx: t.Context()}
		for len(content) > 0 {
			n := min(int(content[0]), len(content)-1)
			if n == 255 {
				n = len(content) - 1
			}
			stream.messages, content = append(stream.messages, content[1:1+n]), content[1+n:]
		}
		err := server.GenerateManifest(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.ManifestResponse]{ServerStream: stream})
		if (err == nil) != (stream.answers == 1) {
			t.Errorf("%d answers and %v", stream.answers, err)
		}
	})
}
