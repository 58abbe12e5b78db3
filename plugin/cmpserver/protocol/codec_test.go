package protocol_test

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

func file(chunk []byte) *protocol.AppStreamRequest {
	return &protocol.AppStreamRequest{Request: &protocol.AppStreamRequest_File{File: &protocol.File{Chunk: chunk}}}
}

func encoded(t testing.TB, message proto.Message) []byte {
	t.Helper()
	content, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// split is a message as gRPC has it: in as many buffers as came for it.
func split(content []byte, sizes ...int) (buffers mem.BufferSlice) {
	for _, size := range sizes {
		size = min(size, len(content))
		buffers = append(buffers, mem.SliceBuffer(content[:size]))
		content = content[size:]
	}
	return append(buffers, mem.SliceBuffer(content))
}

// decode returns what the codec makes of a message: as protobuf would have it, and whether it was taken as a chunk.
func decode(data mem.BufferSlice) (*protocol.AppStreamRequest, bool, error) {
	var chunk []byte
	in := &protocol.Incoming{Take: func(part []byte) { chunk = append(chunk, part...) }}
	err := protocol.Codec{}.Unmarshal(data, in)
	if in.Took {
		return file(chunk), true, err
	}
	return &in.AppStreamRequest, false, err
}

func TestEveryMessageIsReadAsProtobufReadsIt(t *testing.T) {
	kilobyte := bytes.Repeat([]byte("chunk of 16 bytes"), 60)
	whole := encoded(t, file(kilobyte))
	metadata := encoded(t, &protocol.AppStreamRequest{Request: &protocol.AppStreamRequest_Metadata{
		Metadata: &protocol.ManifestRequestMetadata{AppName: "staging", Size: 3, Env: []*protocol.EnvEntry{{Name: "A", Value: ""}}},
	}})
	inner := encoded(t, &protocol.File{Chunk: []byte("abc")})
	for _, test := range []struct {
		name  string
		data  mem.BufferSlice
		taken bool
	}{
		{"a chunk in one buffer", split(whole), true},
		{"a chunk in many buffers", split(whole, 10, 1, 0, 500), true},
		{"a chunk whose head ends where a buffer ends", split(whole, 6), true},
		{"a head in two buffers", split(whole, 2), false},
		{"an empty buffer first", split(whole, 0), false},
		{"no buffer", nil, false},
		{"nothing", split(nil), false},
		{"an empty chunk", split([]byte{0x12, 2, 0x0a, 0}), true},
		{"no chunk", split([]byte{0x12, 0}), false},
		{"lengths longer than they need be", split([]byte{0x12, 0x86, 0x00, 0x0a, 0x83, 0x00, 'a', 'b', 'c'}), true},
		{"metadata", split(metadata, 7), false},
		{"metadata after a chunk", split(append(bytes.Clone(whole), metadata...)), false},
		{"a chunk after metadata", split(append(bytes.Clone(metadata), whole...)), false},
		{"two files", split(append(bytes.Clone(whole), encoded(t, file([]byte("b")))...)), false},
		{"two chunks in a file", split(append([]byte{0x12, byte(2 * len(inner))}, append(bytes.Clone(inner), inner...)...)), false},
		{"an unknown field after the file", split(append(bytes.Clone(whole), 0x18, 1)), false},
		{"an unknown field in the file", split([]byte{0x12, 5, 0x0a, 1, 'a', 0x10, 1}), false},
		{"an unknown field before the chunk", split([]byte{0x12, 5, 0x10, 1, 0x0a, 1, 'a'}), false},
		{"less than it says", split(whole[:len(whole)-1]), false},
		{"more than it says", split(append(bytes.Clone(whole), 'x')), false},
		{"a chunk that reaches out of its file", split([]byte{0x12, 3, 0x0a, 4, 'a', 'b', 'c', 'd'}), false},
		{"a length without an end", split([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want protocol.AppStreamRequest
			wantErr := proto.Unmarshal(test.data.Materialize(), &want)
			got, taken, err := decode(test.data)
			if taken != test.taken {
				t.Errorf("taken as a chunk: %t", taken)
			}
			if (err == nil) != (wantErr == nil) {
				t.Errorf("got the error %v, protobuf's is %v", err, wantErr)
			}
			if err == nil && !proto.Equal(got, &want) {
				t.Errorf("got %v, protobuf reads %v", got, &want)
			}
		})
	}
}

func TestOtherMessagesAreProtobufs(t *testing.T) {
	var codec protocol.Codec
	sent := &protocol.ManifestResponse{Manifests: []string{"{}"}, SourceType: "Plugin"}
	data, err := codec.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var got protocol.ManifestResponse
	if err := codec.Unmarshal(data, &got); err != nil || !proto.Equal(&got, sent) {
		t.Errorf("got %v, %v", &got, err)
	}
	if err := codec.Unmarshal(nil, &emptypb.Empty{}); err != nil {
		t.Error(err)
	}
}

func TestAChunkIsReceivedWithoutAllocating(t *testing.T) {
	data := split(encoded(t, file(make([]byte, 1024))), 600)
	taken := 0
	in := &protocol.Incoming{Take: func(part []byte) { taken += len(part) }}
	if n := testing.AllocsPerRun(100, func() { _ = protocol.Codec{}.Unmarshal(data, in) }); n > 0 || taken != 101*1024 {
		t.Errorf("%v allocations for a chunk, and %d bytes taken", n, taken)
	}
}

// FuzzCodec looks for a message that the codec reads otherwise than protobuf does, or that has been taken for a chunk
// although there is more in it.
func FuzzCodec(f *testing.F) {
	for _, message := range []*protocol.AppStreamRequest{
		file([]byte("abc")), file(nil), {},
		{Request: &protocol.AppStreamRequest_Metadata{Metadata: &protocol.ManifestRequestMetadata{AppName: "a", Size: 3}}},
	} {
		f.Add(encoded(f, message), uint8(0), uint8(1))
		f.Add(append(encoded(f, message), 0x18, 1), uint8(4), uint8(0))
	}
	f.Fuzz(func(t *testing.T, content []byte, first, second uint8) {
		var want protocol.AppStreamRequest
		wantErr := proto.Unmarshal(content, &want)
		got, taken, err := decode(split(content, int(first), int(second)))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got the error %v, protobuf's is %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if !proto.Equal(got, &want) {
			t.Errorf("got %v, protobuf reads %v (taken as a chunk: %t)", got, &want, taken)
		}
	})
}
