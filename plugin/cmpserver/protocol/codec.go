package protocol

import (
	"google.golang.org/grpc/encoding"
	protobuf "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Incoming is an AppStreamRequest that is received with Codec. An archive comes in messages of one kilobyte, and for each
// of them protobuf would allocate three times and copy what is copied again at once.
type Incoming struct {
	// AppStreamRequest is the message, unless Took says otherwise.
	AppStreamRequest
	// Take gets the chunk of a message that has nothing else, in parts, each of which is valid until Take returns.
	Take func(part []byte)
	// Took says that the message was such a chunk, and that Take has had all of it. Every other codec leaves it alone: it
	// is to be false before a message is received.
	Took bool
}

// Outgoing is a ManifestResponse that is sent with Codec.
type Outgoing struct {
	*ManifestResponse
	// Written is called when its bytes are needed no longer: they were written, or nobody receives them.
	Written func()
}

// Codec is gRPC's for protobuf, but for an Incoming and an Outgoing.
type Codec struct{}

var _ encoding.CodecV2 = Codec{}

// Name is that of gRPC's own: what is sent is the same.
func (Codec) Name() string { return protobuf.Name }

// Marshal is gRPC's own, but that the bytes of an Outgoing come from no pool, where large ones would stay.
func (Codec) Marshal(message any) (mem.BufferSlice, error) {
	out, ok := message.(*Outgoing)
	if !ok {
		return encoding.GetCodecV2(protobuf.Name).Marshal(message)
	}
	content, err := proto.Marshal(out.ManifestResponse)
	if err != nil || mem.IsBelowBufferPoolingThreshold(len(content)) { // of what is smaller gRPC says nothing
		out.Written()
		return mem.BufferSlice{mem.SliceBuffer(content)}, err
	}
	return mem.BufferSlice{mem.NewBuffer(&content, written(out.Written))}, nil
}

// written is a pool that keeps nothing, and calls what is to be called when a buffer is put into it.
type written func()

func (written) Get(length int) *[]byte {
	content := make([]byte, length)
	return &content
}

func (w written) Put(*[]byte) { w() }

// Unmarshal hands over a chunk as it lies in gRPC's buffers. Whatever is not exactly that is left to protobuf.
func (Codec) Unmarshal(data mem.BufferSlice, message any) error {
	in, ok := message.(*Incoming)
	if !ok {
		return encoding.GetCodecV2(protobuf.Name).Unmarshal(data, message)
	}
	head, ok := chunkHead(data)
	if in.Took = ok; !ok {
		return encoding.GetCodecV2(protobuf.Name).Unmarshal(data, &in.AppStreamRequest)
	}
	for _, buffer := range data {
		in.Take(buffer.ReadOnlyData()[head:])
		head = 0
	}
	return nil
}

// The tags of AppStreamRequest.file and of File.chunk, both with a length: one byte each.
const (
	fileTag  = 2<<3 | byte(protowire.BytesType)
	chunkTag = 1<<3 | byte(protowire.BytesType)
)

// chunkHead returns where the chunk begins in the first buffer, if the message is a File with a chunk and nothing more,
// and what stands before the chunk lies in one buffer.
func chunkHead(data mem.BufferSlice) (head int, ok bool) {
	if len(data) == 0 {
		return 0, false
	}
	first, all := data[0].ReadOnlyData(), data.Len()
	for _, tag := range []byte{fileTag, chunkTag} {
		if len(first) <= head || first[head] != tag {
			return 0, false
		}
		length, n := protowire.ConsumeVarint(first[head+1:])
		if n < 0 {
			return 0, false
		}
		if head += 1 + n; length != uint64(all-head) {
			return 0, false
		}
	}
	return head, true
}
