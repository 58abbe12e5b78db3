package cmpserver_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// counted is a stream that counts its answers, and notes whether it was received to its end.
type counted struct {
	*scripted
	answers int
	ended   bool
}

func (c *counted) SendMsg(any) error {
	c.answers++
	return nil
}

// calls are those that receive a stream.
var calls = []func(s *cmpserver.Server, c *counted) error{
	func(s *cmpserver.Server, c *counted) error {
		return s.GenerateManifest(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.ManifestResponse]{ServerStream: c})
	},
	func(s *cmpserver.Server, c *counted) error {
		return s.MatchRepository(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.RepositoryResponse]{ServerStream: c})
	},
	func(s *cmpserver.Server, c *counted) error {
		return s.GetParametersAnnouncement(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.ParametersAnnouncementResponse]{ServerStream: c})
	},
}

// FuzzProtocol looks for a call and a sequence of messages that is answered neither with one answer nor with an error, or
// before it has been received to its end, or where gRPC could not make a message of what has come. Each message but the
// last is cut off by its length, one byte; where honest says so, size and checksum are put right.
func FuzzProtocol(f *testing.F) {
	for i, r := range []request{ask("app", pack(f, service), region), ask("../..", noise[:100]), nil, {chunk(noise[:10])}, ask("app", noise[:1000])} {
		var seed []byte
		for _, message := range r {
			content, err := proto.Marshal(message)
			if err != nil {
				f.Fatal(err)
			}
			seed = append(append(seed, byte(min(len(content), 255))), content...)
		}
		f.Add(byte(i), true, seed)
		f.Add(byte(i), false, seed)
	}
	var config cmpserver.Config
	config.Spec.Discover.Find.Glob = "**/kustomization.yaml"
	server := cmpserver.New(cmpserver.Options{
		Config: config, Settings: settings, Budget: cmpserver.Budget{Store: 1 << 20, Streams: 1 << 20, Tree: 1 << 20, Child: 1 << 28, Children: 1},
	})
	f.Fuzz(func(t *testing.T, call byte, honest bool, content []byte) {
		messages, end := parse(content)
		if honest {
			describeHonestly(messages)
		}
		stream := &counted{scripted: &scripted{ctx: t.Context(), messages: messages}}
		stream.then = func() error {
			stream.ended = true
			return end
		}
		err := calls[int(call)%len(calls)](server, stream)
		if (err == nil) != (stream.answers == 1) {
			t.Errorf("%d answers and %v", stream.answers, err)
		}
		if !stream.ended {
			t.Errorf("answered with %d messages left: %v", len(stream.messages), err)
		}
	})
}

// parse returns the messages up to the first that is none, and what gRPC then says: EOF at the end of the stream.
func parse(content []byte) (messages request, end error) {
	for len(content) > 0 {
		n := min(int(content[0]), len(content)-1)
		if n == 255 {
			n = len(content) - 1
		}
		message := &protocol.AppStreamRequest{}
		if err := proto.Unmarshal(content[1:1+n], message); err != nil {
			return messages, err
		}
		messages, content = append(messages, message), content[1+n:]
	}
	return messages, io.EOF
}

// describeHonestly makes the metadata say what comes after them.
func describeHonestly(messages request) {
	at := slices.IndexFunc(messages, func(m *protocol.AppStreamRequest) bool { return m.GetMetadata() != nil })
	if at < 0 {
		return
	}
	var all []byte
	for _, message := range messages[at:] {
		all = append(all, message.GetFile().GetChunk()...)
	}
	sum := sha256.Sum256(all)
	messages[at].GetMetadata().Size, messages[at].GetMetadata().Checksum = int64(len(all)), hex.EncodeToString(sum[:])
}
