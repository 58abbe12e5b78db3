package cmpserver_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	repository "github.com/argoproj/argo-cd/v2/reposerver/apiclient"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// What differs would be lost without an error: a receiver skips a field that it does not know, and reads as nothing one that
// does not come.
func TestTheProtocolIsArgoCDs(t *testing.T) {
	ours := protodesc.ToFileDescriptorProto(protocol.File_plugin_cmpserver_protocol_plugin_proto)
	theirs := fileOf(t, &apiclient.AppStreamRequest{})
	got, want := described(ours), described(theirs)
	// Theirs lies in the protocol of repo-server.
	for _, message := range fileOf(t, &repository.ParameterAnnouncement{}).MessageType {
		if message.GetName() == "ParameterAnnouncement" {
			want = append(want, describedMessage("", message)...)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the protocol is another (-Argo CD's +ours):\n%s", diff)
	}
	if ours.GetPackage() != theirs.GetPackage() {
		t.Errorf("its package is %s, and Argo CD's is %s", ours.GetPackage(), theirs.GetPackage())
	}
	if len(theirs.Service) != 1 || len(theirs.EnumType)+len(theirs.Extension) > 0 || len(theirs.MessageType) < 8 {
		t.Errorf("Argo CD's has %d services, %d messages, or what is not compared here", len(theirs.Service), len(theirs.MessageType))
	}
}

// fileOf is the descriptor that Argo CD's generated code brings, of the file that declares a message.
func fileOf(t *testing.T, message interface{ Descriptor() ([]byte, []int) }) *descriptorpb.FileDescriptorProto {
	t.Helper()
	zipped, _ := message.Descriptor()
	zip, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	file := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(content, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// described has a line for each call and each field.
func described(file *descriptorpb.FileDescriptorProto) (lines []string) {
	for _, service := range file.Service {
		for _, m := range service.Method {
			lines = append(lines, fmt.Sprintf("service %s: %s(%s, stream %v) returns (%s, stream %v)", service.GetName(), m.GetName(),
				typeName(m.GetInputType()), m.GetClientStreaming(), typeName(m.GetOutputType()), m.GetServerStreaming()))
		}
	}
	for _, message := range file.MessageType {
		lines = append(lines, describedMessage("", message)...)
	}
	return lines
}

func describedMessage(within string, message *descriptorpb.DescriptorProto) []string {
	name := within + message.GetName()
	lines := []string{"message " + name}
	for _, f := range message.Field {
		oneof := ""
		if f.OneofIndex != nil {
			oneof = " of one of " + message.OneofDecl[f.GetOneofIndex()].GetName()
		}
		lines = append(lines, fmt.Sprintf("message %s: %v %v%s %s = %d%s", name, f.GetLabel(), f.GetType(), typeName(f.GetTypeName()),
			camelCase(f.GetName()), f.GetNumber(), oneof))
	}
	for _, nested := range message.NestedType {
		lines = append(lines, describedMessage(name+".", nested)...)
	}
	return lines
}

// typeName is a type without the package, which says where it was declared and is not sent.
func typeName(full string) string {
	for _, own := range []string{".plugin.", ".repository."} {
		if name, found := strings.CutPrefix(full, own); found {
			return name
		}
	}
	return full
}

// camelCase is how Argo CD writes the names of fields, which are not sent either.
func camelCase(name string) string {
	first, rest, found := strings.Cut(name, "_")
	if !found {
		return name
	}
	return first + strings.ToUpper(rest[:1]) + camelCase(rest[1:])
}
